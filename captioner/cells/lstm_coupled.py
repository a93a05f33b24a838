"""The LSTM that writes as much as it forgets."""

import keras
from keras import ops

from captioner.cells.long_memory import LongMemoryCell


@keras.saving.register_keras_serializable("captioner")
class CoupledLSTMCell(LongMemoryCell):
    """An LSTM with one gate for forgetting and writing: it writes where it forgets, and only there.

        f = sigmoid(x W_f + h U_f + b_f)
        g = tanh   (x W_g + h U_g + b_g)
        o = sigmoid(x W_o + h U_o + b_o)
        c' = f * c + (1 - f) * g
        h' = o * tanh(c')

    The cell is a moving average of what was written, and so stays within -1 and 1. The gates lie side by side in the
    order f, g, o. The forget gate's bias starts at 1.

    Args:
        units: int. Size of the states `h` and `c`, and of the output.
        forget_bias: float. Where the forget gate's bias starts; see `LongMemoryCell`.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units), c (B, units)]`.

    Returns:
        `(h', [h', c'])`.

    Reference: Greff et al. 2017, "LSTM: A Search Space Odyssey", the variant CIFG (coupled input and forget gate).
    """

    def build(self, input_shape, *_):
        units = self.units
        self.kernel = self.add_weight((input_shape[-1], 3 * units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight((units, 3 * units), initializer="orthogonal", name="recurrent_kernel")
        self.bias = self.add_weight((3 * units,), initializer=self.gates_bias(0, of=3), name="bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        h, c = states
        f, g, o = ops.split(projected + ops.matmul(h, self.recurrent_kernel), 3, axis=-1)
        f = ops.sigmoid(f)
        c = f * c + (1 - f) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]
