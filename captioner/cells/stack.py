"""Cells on top of each other, as one cell."""

import keras
from keras import ops

from captioner.cells.base import RecurrentCell
from captioner.dropout import Dropout

CONNECTIONS = ("none", "residual", "highway")


@keras.saving.register_keras_serializable("captioner")
class CellStack(RecurrentCell):
    """A deep recurrent network: the output of each layer is the input of the next.

        y_1 = cell_1(x)                          the first layer
        y_n = connect(y_{n-1}, cell_n(noise * y_{n-1}))

        connect(x, y) = y                        "none"
                      = x + y                    "residual"
                      = t * y + (1 - t) * x      "highway", t = sigmoid(x W_t + b_t)

    The gate's bias b_t starts at -1, so that a highway begins by carrying what comes from below (Srivastava et al.,
    section 2.2). Dropout falls on what enters the next layer, never on what goes from step to step (Zaremba et al.,
    section 3.2), and a residual or highway connection carries what was not dropped.

    Args:
        cells: list of recurrent cells, the lowest first.
        dropout: float. Share of values dropped between layers, while training.
        connection: "none", "residual" or "highway"; the last two need layers of one size.

    Call arguments:
        inputs: `(B, features)`.
        states: flat list of the layers' states, the lowest layer's first.

    Returns:
        `(y of the last layer (B, units), new states)`.

    References: Zaremba, Sutskever & Vinyals 2014 (dropout); He et al. 2016 (residual); Srivastava, Greff &
    Schmidhuber 2015 (highway).
    """

    def __init__(self, cells, dropout=0.0, connection="none", **kwargs):
        cells = list(cells)
        if not cells:
            raise ValueError("A stack needs at least one cell, received none.")
        super().__init__(cells[-1].output_size, **kwargs)
        if connection not in CONNECTIONS:
            raise ValueError(f"A stack connects layers by one of {', '.join(CONNECTIONS)}, received {connection!r}.")
        sizes = [cell.output_size for cell in cells]
        if connection != "none" and len(set(sizes)) > 1:
            raise ValueError(f"A {connection} connection needs layers of one size, received sizes {sizes}.")
        self.cells = cells
        self.dropout_rate, self.connection = dropout, connection
        self.state_size = [size for cell in cells for size in cell.state_sizes()]
        self.dropout = Dropout(dropout, name="dropout")

    def layer_cells(self):
        return list(self.cells)

    def build(self, input_shape, *_):
        size = input_shape[-1]
        for cell in self.cells:
            if not cell.built:  # it may come built from a file
                cell.build((None, size))
            size = cell.output_size
        if self.connection == "highway":
            self.gates = [
                (
                    self.add_weight((size, size), initializer="glorot_uniform", name=f"gate_{n}_kernel"),
                    self.add_weight((size,), initializer=keras.initializers.Constant(-1.0), name=f"gate_{n}_bias"),
                )
                for n in range(1, len(self.cells))
            ]
        self.built = True

    def project(self, inputs):
        return self.cells[0].project(inputs)

    def advance(self, projected, states, noise=None):
        """One step.

        Args:
            projected: `(B, ...)`, from `project`.
            states: flat list.
            noise: `(B, layers - 1, units)`, one step of `draw_noise`; nothing is dropped without it.
        """
        output, new = None, []
        for n, (cell, own) in enumerate(zip(self.cells, self.split_states(states), strict=True)):
            below = output
            if n:
                projected = cell.project(self.drop(below, n, noise))
            output, own = cell.advance(projected, own)
            if n:
                output = self.connect(n, below, output)
            new += own
        return output, new

    def call(self, inputs, states, training=False):
        """One step, with noise of its own while training: how a stack drops inside `keras.layers.RNN`."""
        noise = self.draw_noise(ops.shape(inputs)[0], 1) if training else None
        return self.advance(self.project(inputs), states, None if noise is None else noise[:, 0])

    def split_states(self, states):
        """The flat list of states as one list a layer."""
        states, split = list(states), []
        for cell in self.cells:
            count = len(cell.state_sizes())
            split.append(states[:count])
            states = states[count:]
        return split

    def connect(self, n, below, output):
        """What layer n (from 1) hands on, given what entered it before dropout and what its cell made of that."""
        if self.connection == "residual":
            return below + output
        if self.connection == "highway":
            kernel, bias = self.gates[n - 1]
            gate = ops.sigmoid(ops.matmul(below, kernel) + bias)
            return gate * output + (1 - gate) * below
        return output

    def drop(self, below, n, noise):
        """What enters layer n (from 1): `below (..., units)` times its part of `noise (..., layers - 1, units)`."""
        return below if noise is None else below * noise[..., n - 1, : self.cells[n - 1].output_size]

    def draw_noise(self, rows, steps):
        """What multiplies the outputs between layers while training, drawn for all steps before the loop.

        Returns:
            `(rows, steps, layers - 1, units)`: 0 where a value is dropped, 1 / (1 - dropout) where it stays. None if
            nothing is dropped.
        """
        if not self.dropout_rate or len(self.cells) == 1:
            return None
        size = max(cell.output_size for cell in self.cells[:-1])
        ones = ops.ones((rows, steps, len(self.cells) - 1, size), dtype=self.compute_dtype)
        return self.dropout(ones, training=True)

    def output_from_state(self, states):
        output = None
        for n, (cell, own) in enumerate(zip(self.cells, self.split_states(states), strict=True)):
            output = self.connect(n, output, cell.output_from_state(own)) if n else cell.output_from_state(own)
        return output

    def get_config(self):
        config = super().get_config()
        config.pop("units")
        return {
            **config,
            "cells": [keras.saving.serialize_keras_object(cell) for cell in self.cells],
            "dropout": self.dropout_rate,
            "connection": self.connection,
        }

    @classmethod
    def from_config(cls, config):
        cells = [keras.saving.deserialize_keras_object(cell) for cell in config["cells"]]
        return cls(**{**config, "cells": cells})
