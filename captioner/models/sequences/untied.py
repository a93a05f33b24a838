"""A recurrent network without weights shared over time, to compare with one that has them."""

import keras
from keras import ops

from captioner.cells.build import build_cell


class UntiedInStep(keras.Model):
    """A label for each step, with weights of its own for each position.

        h_t      = cell_t(x_t, h_{t-1})
        logits_t = h_t W_t + b_t

    The cell and the layer that labels exist once for each position. With one set (`positions` = 1) this is
    `ManyToManyInStep`.

    Args:
        outputs: int, L. Labels.
        positions: int. Sets of weights. Steps beyond the last position use the last position's, since they have none.
        features: int, F. Size of the one-hot vectors that words become.
        cell: name of a recurrent cell.
        units: int.

    Call arguments:
        inputs: int `(B, T)`, word ids below F; 0 is padding.

    Returns:
        logits `(B, T, L)`.
    """

    def __init__(self, outputs, positions, features, cell="lstm", units=32, **kwargs):
        super().__init__(**kwargs)
        self.outputs, self.positions, self.features = outputs, positions, features
        self.cells = [build_cell(cell, units, name_=f"cell_{n + 1}") for n in range(positions)]
        self.labels = [keras.layers.Dense(outputs, name=f"label_{n + 1}") for n in range(positions)]

    def build(self, input_shape):
        for cell, label in zip(self.cells, self.labels, strict=True):
            cell.build((None, self.features))
            label.build((None, cell.output_size))
        self.built = True

    def call(self, inputs, training=False):
        vectors = ops.one_hot(inputs, self.features)
        states = self.cells[0].get_initial_state(batch_size=ops.shape(inputs)[0])
        logits = []
        # Padding comes last and its labels are ignored, so it needs no mask.
        for t in range(inputs.shape[1]):
            position = min(t, self.positions - 1)
            output, states = self.cells[position](vectors[:, t], states)
            logits.append(self.labels[position](output))
        return ops.stack(logits, axis=1)
