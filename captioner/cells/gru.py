"""The gated recurrent unit."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell

UPDATES = ("keep", "replace")


@keras.saving.register_keras_serializable("captioner")
class GRUCell(RecurrentCell):
    """A gated recurrent unit: one state, which a gate mixes with something new.

        z = sigmoid(x W_z + h U_z + b_z)
        r = sigmoid(x W_r + h U_r + b_r)                what the new part sees of the old state
        n = tanh(x W_n + (r * h) U_n + b_n)             r acts before the product
        h' = z * h + (1 - z) * n                        update="keep": z is what stays
        h' = (1 - z) * h + z * n                        update="replace": z is what is new

    Both signs occur in print; they are the same network with z and 1 - z exchanged. The gates lie side by side in the
    order z, r, n; the recurrent weights of n are a matrix of their own. With "keep" and those weights side by side,
    this is `keras.layers.GRU(reset_after=False)`.

    Args:
        units: int. Size of the state `h` and of the output.
        update: "keep" (Cho et al. 2014) or "replace" (Chung et al. 2014).

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units)]`.

    Returns:
        `(h', [h'])`.

    References: Cho et al. 2014, equations 5 to 8; Chung et al. 2014, section 3.2.
    """

    def __init__(self, units, update="keep", **kwargs):
        super().__init__(units, **kwargs)
        self.require("update", update, UPDATES)
        self.update = update

    def build(self, input_shape, *_):
        units = self.units
        self.kernel = self.add_weight((input_shape[-1], 3 * units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight((units, 2 * units), initializer="orthogonal", name="recurrent_kernel")
        self.new_kernel = self.add_weight((units, units), initializer="orthogonal", name="new_kernel")
        self.bias = self.add_weight((3 * units,), initializer="zeros", name="bias")
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        (h,) = states
        gates, n = projected[..., : 2 * self.units], projected[..., 2 * self.units :]
        z, r = ops.split(ops.sigmoid(gates + ops.matmul(h, self.recurrent_kernel)), 2, axis=-1)
        n = ops.tanh(n + ops.matmul(r * h, self.new_kernel))
        h = n + z * (h - n) if self.update == "keep" else h + z * (n - h)
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "update": self.update}
