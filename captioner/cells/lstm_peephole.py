"""The LSTM whose gates see the cell."""

import keras
from keras import ops

from captioner.cells.long_memory import LongMemoryCell

PEEPHOLES = ("diagonal", "full")


@keras.saving.register_keras_serializable("captioner")
class PeepholeLSTMCell(LongMemoryCell):
    """An LSTM whose gates also look at the cell itself, so that they know it while the output gate is closed.

        i = sigmoid(x W_i + h U_i + c  P_i + b_i)
        f = sigmoid(x W_f + h U_f + c  P_f + b_f)
        g = tanh   (x W_g + h U_g          + b_g)
        c' = f * c + i * g
        o = sigmoid(x W_o + h U_o + c' P_o + b_o)       sees the new cell
        h' = o * tanh(c')

    With `peephole="diagonal"` each unit's gates see that unit's cell alone: P is a diagonal matrix and c P the product
    c * p with a vector (the paper). With "full" each gate sees all cells, sigmoid([c, h, x] W), as lecture notes draw
    it; that is three more matrices. The gates lie side by side in the order i, f, g, o; in the peepholes i, f (from c)
    are kept apart from o (from c'). The forget gate's bias starts at 1.

    Args:
        units: int. Size of the states `h` and `c`, and of the output.
        peephole: "diagonal" or "full".
        forget_bias: float. Where the forget gate's bias starts; see `LongMemoryCell`.

    Call arguments:
        inputs: `(B, features)`.
        states: list `[h (B, units), c (B, units)]`.

    Returns:
        `(h', [h', c'])`.

    Reference: Gers & Schmidhuber 2000; as equations 7 to 11 in Graves 2013.
    """

    def __init__(self, units, peephole="diagonal", forget_bias=1.0, **kwargs):
        super().__init__(units, forget_bias, **kwargs)
        self.require("peephole", peephole, PEEPHOLES)
        self.peephole = peephole

    def build(self, input_shape, *_):
        units = self.units
        self.kernel = self.add_weight((input_shape[-1], 4 * units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight((units, 4 * units), initializer="orthogonal", name="recurrent_kernel")
        self.bias = self.add_weight((4 * units,), initializer=self.gates_bias(1, of=4), name="bias")
        full = self.peephole == "full"
        # Small at first: the cell is not bounded, and a gate that it shuts for good learns nothing.
        small = keras.initializers.RandomUniform(-0.1, 0.1)
        start = keras.initializers.Orthogonal(gain=0.1) if full else small
        self.cell_kernel = self.add_weight((units, 2 * units) if full else (2 * units,), start, name="cell_kernel")
        self.output_cell_kernel = self.add_weight(
            (units, units) if full else (units,), start, name="output_cell_kernel"
        )
        self.built = True

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def advance(self, projected, states):
        h, c = states
        i, f, g, o = ops.split(projected + ops.matmul(h, self.recurrent_kernel), 4, axis=-1)
        if self.peephole == "full":
            seen_i, seen_f = ops.split(ops.matmul(c, self.cell_kernel), 2, axis=-1)
        else:
            seen_i, seen_f = (c * weights for weights in ops.split(ops.convert_to_tensor(self.cell_kernel), 2))
        c = ops.sigmoid(f + seen_f) * c + ops.sigmoid(i + seen_i) * ops.tanh(g)
        seen_o = ops.matmul(c, self.output_cell_kernel) if self.peephole == "full" else c * self.output_cell_kernel
        h = ops.sigmoid(o + seen_o) * ops.tanh(c)
        return h, [h, c]

    def get_config(self):
        return {**super().get_config(), "peephole": self.peephole}
