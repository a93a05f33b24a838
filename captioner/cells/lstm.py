"""The long short-term memory."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell


@keras.saving.register_keras_serializable("captioner")
class LSTMCell(RecurrentCell):
    """A long short-term memory: a sum that gates write to, keep and read.

        i = sigmoid(x W_i + h U_i + b_i)        what to write
        f = sigmoid(x W_f + h U_f + b_f)        what to keep
        g = tanh   (x W_g + h U_g + b_g)        what there is to write
        o = sigmoid(x W_o + h U_o + b_o)        what to show
        c' = f * c + i * g
        h' = o * tanh(c')

    The gates lie side by side in the weights in the order i, f, g, o, which is Keras' own. The forget gate's bias
    starts at 1: the cell begins by remembering (Jozefowicz, Zaremba & Sutskever 2015, section 2.2), and the recurrent
    weights start orthogonal, so that the signal neither grows nor fades at first.

    Args:
        units: int. Size of the states `h` and `c`, and of the output.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units), c (B, units)]`.

    Returns:
        `(h', [h', c'])`.

    Reference: Hochreiter & Schmidhuber 1997; with the forget gate of Gers, Schmidhuber & Cummins 2000.
    """

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [units, units]

    def build(self, input_shape, *_):
        features = input_shape[-1]
        self.kernel = self.add_weight((features, 4 * self.units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, 4 * self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((4 * self.units,), initializer=self.bias_of_ones(1, of=4), name="bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        h, c = states
        i, f, g, o = ops.split(projected + ops.matmul(h, self.recurrent_kernel), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]
