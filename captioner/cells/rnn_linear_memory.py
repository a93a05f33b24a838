"""The other way to write a vanilla recurrent network."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell


@keras.saving.register_keras_serializable("captioner")
class LinearMemoryRNNCell(RecurrentCell):
    """A vanilla recurrent network that remembers what comes before its activation.

        c' = tanh(c) W + x U + b
        output = tanh(c')

    The outputs are those of `rnn` with the same weights: h = tanh(c). Only the state differs, and with it what is
    zero at the start, what a decoder's first state means, and which derivatives dc'/dc one looks at.

    Args:
        units: int. Size of the state `c` and of the output.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[c (B, units)]`.

    Returns:
        `(tanh(c'), [c'])`.

    Reference: Pascanu, Mikolov & Bengio 2013, equation 2, and footnote 1 for why both ways are the same.
    """

    memory_is_sum = True

    def build(self, input_shape, *_):
        self.kernel = self.add_weight((input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        c = projected + ops.matmul(ops.tanh(states[0]), self.recurrent_kernel)
        return ops.tanh(c), [c]

    def output_from_state(self, states):
        return ops.tanh(states[0])
