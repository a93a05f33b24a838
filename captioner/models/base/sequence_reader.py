"""Cells over a sequence: deep, and in both directions."""

import keras
from keras import ops

from captioner.cells.build import build_cell
from captioner.dropout import Dropout
from captioner.errors import UserError
from captioner.layers.recurrent import Bidirectional, Recurrent


@keras.saving.register_keras_serializable("captioner")
class SequenceReader(keras.layers.Layer):
    """Reads a sequence of vectors.

    In one direction the layers are a `CellStack`. In both directions each layer reads what both directions of the layer
    below have made of the sequence, so that at every depth a step knows what comes before it and after it (Graves,
    Jaitly & Mohamed 2013, section 2):

        y_t^n = [forward_n(y^{n-1})_t; backward_n(y^{n-1})_t]

    Args:
        cell: name of a recurrent cell.
        units: int. Size of each direction's output.
        layers: int.
        bidirectional: bool.
        dropout: float. Share of values dropped between layers, while training.
        connection: "none", "residual" or "highway" between layers; in both directions "none" or "residual".
        cell_options: what else the cell's constructor takes.

    Call arguments:
        inputs: `(B, T, F)`.
        mask: bool `(B, T)`, False where there is padding, or None.

    Returns:
        `(outputs (B, T, D), final (B, D))`, D = `units`, or 2 `units` in both directions. `final` is what each
        direction puts out when it has read everything: the forward one after the last real step, the backward one
        after the first.

    Raises:
        UserError: there is no such cell, option or connection.
    """

    def __init__(
        self,
        cell="lstm",
        units=64,
        layers=1,
        bidirectional=False,
        dropout=0.0,
        connection="none",
        cell_options=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.settings = {
            "cell": cell,
            "units": units,
            "layers": layers,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "connection": connection,
            "cell_options": dict(cell_options or {}),
        }
        self.units, self.bidirectional, self.connection = units, bidirectional, connection
        self.output_size = 2 * units if bidirectional else units
        self.dropout = Dropout(dropout, name="dropout")
        if not bidirectional:
            stack = build_cell(cell, units, layers, dropout, connection, cell_options)
            self.levels = [Recurrent(stack, name="level_1")]
            return
        if connection not in ("none", "residual"):
            raise UserError(
                f"Layers that read in both directions are connected by none or residual, received {connection!r}."
            )
        self.levels = []
        for number in range(1, layers + 1):
            sides = [
                Recurrent(build_cell(cell, units, options=cell_options), name=side) for side in ("forward", "backward")
            ]
            self.levels.append(Bidirectional(*sides, name=f"level_{number}"))

    def build(self, input_shape, *_):
        shape = tuple(input_shape)
        for level in self.levels:
            level.build(shape)
            shape = (*shape[:-1], self.output_size)
        self.built = True

    def call(self, inputs, mask=None, training=False):
        outputs, final, _ = self.read(inputs, mask, training)
        return outputs, final

    def read(self, inputs, mask=None, training=False):
        """What `call` returns, and the last states of all layers: a flat list, as `state_sizes` has them."""
        outputs, states = self.levels[0](inputs, mask=mask, training=training)
        states = list(states)
        for level in self.levels[1:]:
            above, more = level(self.dropout(outputs, training=training), mask=mask, training=training)
            outputs = outputs + above if self.connection == "residual" else above
            states += more
        # Under a mask the output of a step that is left out is that of the step before it.
        final = outputs[:, -1]
        if self.bidirectional:
            final = ops.concatenate([final[:, : self.units], outputs[:, 0, self.units :]], axis=-1)
            states = [state for side in states for state in side]
        return outputs, final, states

    def state_sizes(self):
        """The sizes of the state tensors, the lowest layer's first, forward before backward."""
        if not self.bidirectional:
            return self.levels[0].cell.state_sizes()
        sides = [side for level in self.levels for side in (level.forward, level.backward)]
        return [size for side in sides for size in side.cell.state_sizes()]

    def start(self, rows):
        """The states before the first step of `rows` sequences, for `step`."""
        self._must_go_forward()
        return self.levels[0].cell.get_initial_state(batch_size=rows)

    def step(self, inputs, states):
        """One step of sequences that are still coming in: `(B, F)` and states to `(output (B, D), states)`."""
        self._must_go_forward()
        return self.levels[0].cell(inputs, states)

    def _must_go_forward(self):
        if self.bidirectional:
            raise ValueError(
                "A network that reads in both directions has to see the whole sequence; it cannot go step by step. "
                "Build it with bidirectional=False."
            )

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), **self.settings}
