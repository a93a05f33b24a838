"""Three cells that were found by a search over ten thousand recurrent architectures."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell


class MutatedCell(RecurrentCell):
    """What the three have in common: one state h, an update gate z, a reset gate r, and

        h' = tanh((r * h) W_hh + ... + b_h) * z + h * (1 - z)

    The matrices from the input lie side by side in `kernel`, the biases in the order z, r, h. The paper uses x bare in
    places, which only fits where x has the size of h; where it has not, x P takes the place of x, with a learned matrix
    P (`bare_kernel`) and no bias.
    """

    from_input = ""  # for which of z, r and h there is a matrix from the input
    from_state = ""  # for which of z and r there is a matrix from the state
    uses_bare_input = False

    def build(self, input_shape, *_):
        features, units = input_shape[-1], self.units
        self.kernel = self.add_weight(
            (features, len(self.from_input) * units), initializer="glorot_uniform", name="kernel"
        )
        if self.uses_bare_input and features != units:
            self.bare_kernel = self.add_weight((features, units), initializer="glorot_uniform", name="bare_kernel")
        else:
            self.bare_kernel = None
        self.gate_kernel = self.add_weight(
            (units, len(self.from_state) * units), initializer="orthogonal", name="gate_kernel"
        )
        self.recurrent_kernel = self.add_weight((units, units), initializer="orthogonal", name="recurrent_kernel")
        self.bias = self.add_weight((3 * units,), initializer="zeros", name="bias")
        self.built = True

    def bare(self, inputs):
        return inputs if self.bare_kernel is None else ops.matmul(inputs, self.bare_kernel)

    def thirds(self, projected):
        return ops.split(projected, 3, axis=-1)

    def renew(self, h, z, r, new):
        """h' from the gates and from what the input adds to the new state."""
        h = h + z * (ops.tanh(ops.matmul(r * h, self.recurrent_kernel) + new) - h)
        return h, [h]


@keras.saving.register_keras_serializable("captioner")
class MUT1Cell(MutatedCell):
    """MUT1: a GRU whose update gate does not see the state, and whose new part adds tanh(x) itself.

        z  = sigmoid(x W_xz + b_z)
        r  = sigmoid(x W_xr + h W_hr + b_r)
        h' = tanh((r * h) W_hh + tanh(x) + b_h) * z + h * (1 - z)

    Where features != units, tanh(x P) stands for tanh(x), with a learned matrix P and no bias.

    Args:
        units: int. Size of the state `h` and of the output.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units)]`.

    Returns:
        `(h', [h'])`.

    Reference: Jozefowicz, Zaremba & Sutskever 2015, the architecture MUT1.
    """

    from_input, from_state, uses_bare_input = "zr", "r", True

    def project(self, inputs):
        z, r = ops.split(ops.matmul(inputs, self.kernel), 2, axis=-1)
        return ops.concatenate([z, r, ops.tanh(self.bare(inputs))], axis=-1) + self.bias

    def advance(self, projected, states):
        (h,) = states
        z, r, new = self.thirds(projected)
        r = ops.sigmoid(r + ops.matmul(h, self.gate_kernel))
        return self.renew(h, ops.sigmoid(z), r, new)


@keras.saving.register_keras_serializable("captioner")
class MUT2Cell(MutatedCell):
    """MUT2: a GRU whose reset gate sees the input without a matrix.

        z  = sigmoid(x W_xz + h W_hz + b_z)
        r  = sigmoid(x + h W_hr + b_r)
        h' = tanh((r * h) W_hh + x W_xh + b_h) * z + h * (1 - z)

    Where features != units, x P stands for the bare x of r, with a learned matrix P and no bias.

    Args:
        units: int. Size of the state `h` and of the output.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units)]`.

    Returns:
        `(h', [h'])`.

    Reference: Jozefowicz, Zaremba & Sutskever 2015, the architecture MUT2.
    """

    from_input, from_state, uses_bare_input = "zh", "zr", True

    def project(self, inputs):
        z, new = ops.split(ops.matmul(inputs, self.kernel), 2, axis=-1)
        return ops.concatenate([z, self.bare(inputs), new], axis=-1) + self.bias

    def advance(self, projected, states):
        (h,) = states
        z, r, new = self.thirds(projected)
        from_z, from_r = ops.split(ops.matmul(h, self.gate_kernel), 2, axis=-1)
        return self.renew(h, ops.sigmoid(z + from_z), ops.sigmoid(r + from_r), new)


@keras.saving.register_keras_serializable("captioner")
class MUT3Cell(MutatedCell):
    """MUT3: a GRU whose update gate sees the tanh of the state.

        z  = sigmoid(x W_xz + tanh(h) W_hz + b_z)
        r  = sigmoid(x W_xr + h W_hr + b_r)
        h' = tanh((r * h) W_hh + x W_xh + b_h) * z + h * (1 - z)

    Args:
        units: int. Size of the state `h` and of the output.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units)]`.

    Returns:
        `(h', [h'])`.

    Reference: Jozefowicz, Zaremba & Sutskever 2015, the architecture MUT3.
    """

    from_input, from_state = "zrh", "zr"

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        (h,) = states
        z, r, new = self.thirds(projected)
        for_z, for_r = ops.split(ops.convert_to_tensor(self.gate_kernel), 2, axis=-1)
        z = ops.sigmoid(z + ops.matmul(ops.tanh(h), for_z))
        return self.renew(h, z, ops.sigmoid(r + ops.matmul(h, for_r)), new)
