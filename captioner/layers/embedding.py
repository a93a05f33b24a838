"""Vectors of words."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class WordEmbedding(keras.layers.Embedding):
    """A vector for each word, learned as a whole table.

    A plain lookup has a sparse gradient with one row an occurrence, and Keras' optimisers and its clipping by norm
    take those rows as they are: in place of the square of a word's gradient they use the sum of its occurrences'
    squares, so that words which occur often take steps of another length than their gradient asks for. RMSprop and
    Adagrad do not even compile. Here the gradient is a dense table in which the occurrences of a word are added up.
    Optimisers hold tables of that size anyway.

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
