"""The vanilla recurrent network."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell

ACTIVATIONS = {"tanh": ops.tanh, "relu": ops.relu, "linear": lambda values: values}
RECURRENT_INITIALIZERS = ("orthogonal", "identity")


@keras.saving.register_keras_serializable("captioner")
class RNNCell(RecurrentCell):
    """The vanilla recurrent network: everything it remembers passes one activation at every step.

        h' = tanh(x W + h U + b)

    From step to step a gradient is multiplied by U^T and the activation's derivative: it vanishes where the largest
    singular value of U is well below 1 and may explode where it is above. With `activation="relu"` or `"linear"` and
    `recurrent_initializer="identity"` both factors are 1 at first, which keeps the signal over hundreds of steps.

    Args:
        units: int. Size of the state `h` and of the output.
        activation: "tanh", "relu" or "linear".
        recurrent_initializer: "orthogonal" or "identity", how U starts.
        recurrent_gain: float. What U is multiplied by at the start: the value of all of its singular values.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units)]`.

    Returns:
        `(h', [h'])`.

    References: Elman 1990; the identity start is that of Le, Jaitly & Hinton 2015; vanishing and exploding
    gradients: Pascanu, Mikolov & Bengio 2013, section 2.
    """

    def __init__(self, units, activation="tanh", recurrent_initializer="orthogonal", recurrent_gain=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.require("activation", activation, ACTIVATIONS)
        self.require("recurrent_initializer", recurrent_initializer, RECURRENT_INITIALIZERS)
        self.activation = activation
        self.recurrent_initializer = recurrent_initializer
        self.recurrent_gain = self.require_number("recurrent_gain", recurrent_gain)

    def build(self, input_shape, *_):
        start = {"orthogonal": keras.initializers.Orthogonal, "identity": keras.initializers.Identity}
        initializer = start[self.recurrent_initializer](gain=self.recurrent_gain)
        self.kernel = self.add_weight((input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, self.units), initializer=initializer, name="recurrent_kernel"
        )
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")
        self.built = True

    @property
    def memory_is_sum(self):
        return self.activation != "tanh"

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        h = ACTIVATIONS[self.activation](projected + ops.matmul(states[0], self.recurrent_kernel))
        return h, [h]

    def get_config(self):
        return {
            **super().get_config(),
            "activation": self.activation,
            "recurrent_initializer": self.recurrent_initializer,
            "recurrent_gain": self.recurrent_gain,
        }
