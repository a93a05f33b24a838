"""The long short-term memory."""

import keras
from keras import ops

from captioner.cells.long_memory import LongMemoryCell


@keras.saving.register_keras_serializable("captioner")
class LSTMCell(LongMemoryCell):
    """A long short-term memory: a sum that gates write to, keep and read.

        i = sigmoid(x W_i + h U_i + b_i)        what to write
        f = sigmoid(x W_f + h U_f + b_f)        what to keep
        g = tanh   (x W_g + h U_g + b_g)        what there is to write
        o = sigmoid(x W_o + h U_o + b_o)        what to show
        c' = f * c + i * g
        h' = o * tanh(c')

    The gates lie side by side in the weights in the order i, f, g, o, which is Keras' own, and the recurrent weights
    start as Keras' do: orthogonal as a whole, which no gate's part is by itself. What keeps a signal alive at first is
    the forget gate's bias of 1.

    Args:
        units: int. Size of the states `h` and `c`, and of the output.
        forget_bias: float. Where the forget gate's bias starts; see `LongMemoryCell`.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units), c (B, units)]`.

    Returns:
        `(h', [h', c'])`.

    Reference: Hochreiter & Schmidhuber 1997; with the forget gate of Gers, Schmidhuber & Cummins 2000.
    """

    def build(self, input_shape, *_):
        features = input_shape[-1]
        self.kernel = self.add_weight((features, 4 * self.units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, 4 * self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((4 * self.units,), initializer=self.gates_bias(1, of=4), name="bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        h, c = states
        i, f, g, o = ops.split(projected + ops.matmul(h, self.recurrent_kernel), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]
