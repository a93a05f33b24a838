"""Networks that label: a vector, a whole sequence, or each of its steps.

All return logits; `captioner.training.losses.MaskedCrossEntropy` or any of Keras' losses takes them. The argument
`inputs` is a layer that makes vectors and a mask of its inputs (see inputs.py); without it, the networks are called
with vectors `(B, T, F)`.
"""

from typing import Any

import keras
from keras import ops

from captioner.dropout import Dropout
from captioner.models.base.sequence_reader import SequenceReader
from captioner.models.sequences.inputs import VectorInputs


class _Labeller(keras.Model):
    """The input layer, dropout and the output layer."""

    def __init__(self, outputs: int, inputs: keras.layers.Layer | None = None, dropout: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.inputs_layer = inputs or VectorInputs(name="inputs")
        self.dropout = Dropout(dropout, name="dropout")
        self.label = keras.layers.Dense(outputs, name="label")

    def read(self, inputs: Any, training: bool = False) -> tuple[Any, Any]:
        vectors, mask = self.inputs_layer(inputs, training=training)
        return self.dropout(vectors, training=training), mask


class OneToOne(_Labeller):
    """No recurrence: a label from a vector, or from the mean of a sequence's vectors, or one for each step alone.

        logits = W_o tanh(W x + b) + b_o

    The others are compared with it: over words and with `pool` it is a bag of words, without `pool` it labels each word
    or frame without its neighbours.

    Args:
        outputs: int, L. Labels.
        units: int. Size of the hidden layer.
        pool: bool. Take the mean over the real steps first.
        inputs, dropout: see the module and `ManyToOne`.

    Returns:
        logits `(B, L)` with `pool`, else `(B, T, L)`.
    """

    def __init__(
        self,
        outputs: int,
        units: int = 64,
        pool: bool = False,
        inputs: keras.layers.Layer | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(outputs, inputs, dropout, **kwargs)
        self.pool = pool
        self.hidden = keras.layers.Dense(units, activation="tanh", name="hidden")

    def call(self, inputs: Any, training: bool = False) -> Any:
        vectors, mask = self.read(inputs, training)
        if self.pool:
            real = ops.ones(vectors.shape[:2]) if mask is None else mask
            real = ops.cast(real, vectors.dtype)[:, :, None]
            vectors = ops.sum(vectors * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
        return self.label(self.dropout(self.hidden(vectors), training=training))


class ManyToOne(_Labeller):
    """A label for a whole sequence.

        h_t    = cell(x_t, h_{t-1})
        logits = W_o h_T + b_o                  in both directions: of [forward h_T; backward h_1]

    Args:
        outputs: int, L. Labels.
        inputs: layer; see the module.
        dropout: float. Share of values dropped from what is read, between layers and before the labels.
        reader: `cell`, `units`, `layers`, `bidirectional`, `connection` and `cell_options` of the `SequenceReader`.

    Returns:
        logits `(B, L)`.
    """

    def __init__(
        self,
        outputs: int,
        inputs: keras.layers.Layer | None = None,
        dropout: float = 0.0,
        name: str | None = None,
        **reader: Any,
    ):
        super().__init__(outputs, inputs, dropout, name=name)
        self.reader = SequenceReader(**reader, dropout=dropout, name="reader")

    def call(self, inputs: Any, training: bool = False) -> Any:
        vectors, mask = self.read(inputs, training)
        _, final = self.reader(vectors, mask=mask, training=training)
        return self.label(self.dropout(final, training=training))


class ManyToManyInStep(ManyToOne):
    """A label for each step of a sequence, in step with it.

        h_t      = cell(x_t, h_{t-1})
        logits_t = W_o h_t + b_o                in both directions: of [forward h_t; backward h_t]

    Args: as `ManyToOne`.

    Returns:
        logits `(B, T, L)`; those of padding mean nothing.

    In one direction it can label a sequence that is still coming in: `start`, then `step` for each new element.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        vectors, mask = self.read(inputs, training)
        outputs, _ = self.reader(vectors, mask=mask, training=training)
        return self.label(self.dropout(outputs, training=training))

    def start(self, rows: int) -> list[Any]:
        """The states before the first element of `rows` sequences."""
        return self.reader.start(rows)

    def step(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """One element `(B, ...)` of each sequence and the states to `(logits (B, L), states)`."""
        vectors, _ = self.read(ops.expand_dims(inputs, axis=1))
        output, states = self.reader.step(vectors[:, 0], states)
        return self.label(output), states
