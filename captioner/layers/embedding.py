"""Embeddings of words: learned, pretrained, or one-hot."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class WordEmbedding(keras.layers.Embedding):
    """A vector for each word, learned as a whole table.

    A plain lookup has a sparse gradient with one row an occurrence, and Keras' optimizers and its clipping by norm
    take those rows as they are: in place of the square of a word's gradient they use the sum of its occurrences'
    squares, so that words which occur often take steps of another length than their gradient asks for. RMSprop and
    Adagrad do not even compile. Here the gradient is a dense table in which the occurrences of a word are added up.
    Optimizers hold tables of that size anyway.

    Args:
        input_dim: int. Words.
        output_dim: int. Size of a vector.

    Call arguments:
        inputs: int `(...)`.

    Returns:
        `(..., output_dim)`.
    """

    def call(self, inputs):
        # Computing something from the table is what makes its gradient dense.
        table = ops.multiply(ops.convert_to_tensor(self.embeddings), 1.0)
        return ops.cast(ops.take(table, ops.cast(inputs, "int32"), axis=0), self.compute_dtype)

    def load_vectors(self, matrix, found):
        """Replaces random vectors by pretrained ones.

        Args:
            matrix: `(input_dim, output_dim)`.
            found: bool `(input_dim,)`, which rows hold a pretrained vector; the other words keep theirs.
        """
        known = np.asarray(found)[:, None]
        self.embeddings.assign(np.where(known, matrix, ops.convert_to_numpy(self.embeddings)))


@keras.saving.register_keras_serializable("captioner")
class OneHotEmbedding(keras.layers.Layer):
    """A word as one 1 among zeros: nothing is learned, and all words are equally far from each other.

    The matrix that it is multiplied with next then holds a vector for each word.

    Args:
        input_dim: int, V. Words.

    Call arguments:
        inputs: int `(...)`.

    Returns:
        `(..., V)`.
    """

    def __init__(self, input_dim, **kwargs):
        super().__init__(**kwargs)
        self.input_dim = self.output_dim = input_dim

    def build(self, input_shape=None):
        self.built = True

    def call(self, inputs):
        return ops.one_hot(ops.cast(inputs, "int32"), self.input_dim, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "input_dim": self.input_dim}
