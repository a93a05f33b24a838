"""Not a recurrent cell at all: a feed-forward network over the last few inputs, in the form of one."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell


@keras.saving.register_keras_serializable("captioner")
class WindowCell(RecurrentCell):
    """A network over a window of the last n inputs, each with weights of its own: a recurrent network that was
    unrolled n steps and whose weights were then untied.

        h_t = tanh(x_t W_0 + x_{t-1} W_1 + ... + x_{t-n+1} W_{n-1} + b)

    Nothing older has any influence. Inputs before the first one are zero. Of the states, the first is h, which is only
    shown; the others are sums that wait for the inputs to come, `s_k = x_t W_k + x_{t-1} W_{k+1} + ...`, so that each
    product is computed once.

    It has the contract of a cell, so that language models over a window are trained, sampled and scored as others are;
    it is no name of `CELLS`, for it remembers nothing.

    Args:
        units: int. Size of the output.
        window: int, n, at least 2.

    Call arguments:
        inputs: `(B, features)`.
        states: list of n tensors `(B, units)`.

    Returns:
        `(h, new states)`.

    Reference: the hidden layer of Bengio, Ducharme, Vincent & Jauvin 2003, section 2, without direct connections.
    """

    def __init__(self, units, window=3, **kwargs):
        super().__init__(units, **kwargs)
        if window < 2:
            raise ValueError(f"A window holds two inputs or more, received window={window}.")
        self.window = window
        self.state_size = [units] * window

    def build(self, input_shape, *_):
        fan_in = self.window * input_shape[-1]
        # All weights together are one kernel of a dense layer over n inputs side by side.
        limit = (6.0 / (fan_in + self.units)) ** 0.5
        self.kernel = self.add_weight(
            (input_shape[-1], self.window * self.units),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="kernel",
        )
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def advance(self, projected, states):
        now, *later = ops.split(projected, self.window, axis=-1)
        _, due, *waiting = states
        h = ops.tanh(now + due + self.bias)
        waiting.append(ops.zeros_like(due))
        return h, [h, *(a + b for a, b in zip(later, waiting, strict=True))]

    def get_config(self):
        return {**super().get_config(), "window": self.window}
