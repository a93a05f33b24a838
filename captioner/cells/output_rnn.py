"""The network whose only recurrence comes from its output."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell


@keras.saving.register_keras_serializable("captioner")
class OutputRNNCell(RecurrentCell):
    """Recurrence only from the last output to the hidden layer.

        h  = tanh(x W + o U + b)
        o' = h V + c

    The hidden layer h is no state. If o is trained to be something (a word, a label), no more than that something
    passes from step to step: the network cannot remember what the targets do not show. In return, all steps can
    be trained at once: put the targets where the outputs would be fed back (teacher forcing), and no step waits for
    another, see `parallel`.

    Args:
        units: int. Size of the output `o`, which is the state.
        hidden_units: int. Size of the hidden layer `h`; 0 makes it `units`.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[o (B, units)]`.

    Returns:
        `(o', [o'])`.

    References: Jordan 1986; Goodfellow, Bengio & Courville 2016, section 10.2.1 and figure 10.4.
    """

    memory_is_sum = True

    def __init__(self, units, hidden_units=0, **kwargs):
        super().__init__(units, **kwargs)
        if self.require_number("hidden_units", hidden_units) < 0:
            raise ValueError(f"A hidden layer has a size above 0, received hidden_units={hidden_units}.")
        self.hidden_units = int(hidden_units)

    def build(self, input_shape, *_):
        hidden = self.hidden_units or self.units
        self.kernel = self.add_weight((input_shape[-1], hidden), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, hidden), initializer="orthogonal", name="recurrent_kernel")
        self.bias = self.add_weight((hidden,), initializer="zeros", name="bias")
        # o -> h -> o is the way of the signal from step to step, so both halves of it start orthogonal.
        self.output_kernel = self.add_weight((hidden, self.units), initializer="orthogonal", name="output_kernel")
        self.output_bias = self.add_weight((self.units,), initializer="zeros", name="output_bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        h = ops.tanh(projected + ops.matmul(states[0], self.recurrent_kernel))
        o = ops.matmul(h, self.output_kernel) + self.output_bias
        return o, [o]

    def parallel(self, inputs, targets, first=None):
        """All steps at once with teacher forcing: the step t is fed the target of t - 1 in place of its own output.

        Args:
            inputs: `(B, T, features)`.
            targets: `(B, T, units)`, what the outputs should be.
            first: `(B, units)`, what the first step is fed; zeros if not given.

        Returns:
            outputs `(B, T, units)`, those of the loop whose states are the targets.
        """
        first = ops.zeros_like(targets[:, 0]) if first is None else first
        before = ops.concatenate([first[:, None], targets[:, :-1]], axis=1)
        return self.advance(self.project(inputs), [before])[0]

    def get_config(self):
        return {**super().get_config(), "hidden_units": self.hidden_units}
