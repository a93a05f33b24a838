"""Examples to arrays, and arrays to the batches of an epoch."""

import operator
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from captioner.models.sequences.model import IN_STEP, WRITES, SequenceModel
from pipelines.tasks.sequences.examples import SequenceExample

NONE = -1  # the label of padding and of unknown labels


def encode_examples(model: SequenceModel, examples: Sequence[SequenceExample], length: int | None = None):
    """Examples as arrays.

    Args:
        model: has the vocabulary and the labels.
        length: steps of a sequence, see `SequenceModel.encode`.

    Returns:
        `(inputs, targets)`: the inputs of the network, and ids of words `(N, T)` or labels `(N,)` or `(N, T)`, where
        `NONE` stands for padding and for labels that the model does not know.
    """
    sources = model.encode([example.source for example in examples], length)
    if model.settings.task in WRITES:
        words = np.array(
            [model.vocabulary.encode(example.target, model.settings.text.max_length) for example in examples], "int32"
        )
        return {"source": sources, "words": words[:, :-1]}, words[:, 1:]
    numbers = {label: number for number, label in enumerate(model.settings.labels)}
    if model.settings.task not in IN_STEP:
        return sources, np.array([numbers.get(example.target[0], NONE) for example in examples], "int32")
    labels = np.full(sources.shape[:2], NONE, "int32")
    for row, example in zip(labels, examples, strict=True):
        target = example.target[: len(row)]
        row[: len(target)] = [numbers.get(label, NONE) for label in target]
    return sources, labels


class SequenceBatches:
    """The training batches of examples that are already arrays.

    The order of an epoch depends on the seed and the epoch alone. Rows that are ignored pad the last batch, so that all
    have one shape.

    Args:
        inputs: nest of arrays `(N, ...)`.
        targets: array `(N, ...)`.
        ignored: the target of padding.
        batch_size: int, B.
        seed: of the order.
    """

    def __init__(self, inputs, targets: np.ndarray, ignored: int, batch_size: int, seed: int):
        self.rows, self.batch_size, self.seed = len(targets), batch_size, seed
        # One more row, of zeros and without a target, pads the last batch.
        self.inputs = keras.tree.map_structure(lambda values: _with_padding(values, 0), inputs)
        self.targets = _with_padding(targets, ignored)

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-self.rows // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """The rows of an epoch in order, `(steps, B)`."""
        order = np.full(self.steps * self.batch_size, self.rows)
        order[: self.rows] = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
        return order.reshape(self.steps, self.batch_size)

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches `(inputs, targets)` of an epoch from step `skip` on."""
        arrays = (self.inputs, self.targets)

        def batches():
            for rows in self.order(epoch)[skip:]:
                yield keras.tree.map_structure(operator.itemgetter(rows), arrays)

        signature = keras.tree.map_structure(
            lambda values: tf.TensorSpec((self.batch_size, *values.shape[1:]), values.dtype), arrays
        )
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        # Without its length Keras warns of an epoch that ends.
        return dataset.apply(tf.data.experimental.assert_cardinality(max(self.steps - skip, 0))).prefetch(2)


def _with_padding(values: np.ndarray, fill) -> np.ndarray:
    return np.concatenate([values, np.full((1, *values.shape[1:]), fill, values.dtype)])
