"""Words and frames as vectors.

Letters: B rows, T steps, F size of a vector.
"""

import keras
from keras import ops

from captioner.layers.embedding import WordEmbedding
from captioner.text.vocabulary import Vocabulary


@keras.saving.register_keras_serializable("captioner")
class WordInputs(keras.layers.Layer):
    """Word ids to vectors; padding is masked.

    Args:
        vocabulary_size: int, V.
        embedding_size: int, F.
        word_dropout: float. Share of words that training replaces by the unknown word, so that its vector is trained,
            too.

    Call arguments:
        inputs: int `(B, T)`.

    Returns:
        `(vectors (B, T, F), mask bool (B, T))`; the mask is False where there is padding.
    """

    def __init__(self, vocabulary_size, embedding_size, word_dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size, self.embedding_size = vocabulary_size, embedding_size
        self.word_dropout_rate = word_dropout
        self.embedding = WordEmbedding(vocabulary_size, embedding_size, name="embedding")
        self.noise = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.embedding.build((None,))
        self.built = True

    def call(self, inputs, training=False):
        mask = ops.not_equal(inputs, Vocabulary.pad_id)
        if training and self.word_dropout_rate:
            uniform = keras.random.uniform(ops.shape(inputs), seed=self.noise)
            dropped = ops.logical_and(mask, uniform < self.word_dropout_rate)
            inputs = ops.where(dropped, ops.cast(Vocabulary.unknown_id, inputs.dtype), inputs)
        return self.embedding(inputs), mask

    def get_config(self):
        sizes = {"vocabulary_size": self.vocabulary_size, "embedding_size": self.embedding_size}
        return {**super().get_config(), **sizes, "word_dropout": self.word_dropout_rate}


@keras.saving.register_keras_serializable("captioner")
class FrameInputs(keras.layers.Layer):
    """Frames to vectors, each by itself; black frames are padding and masked.

        vector = relu(W flat(relu(conv(relu(conv(frame / 255))))) + b)

    with two convolutions of 3 x 3 and stride 2, of 8 and 16 channels.

    Args:
        embedding_size: int, F.

    Call arguments:
        inputs: `(B, T, H, W, 3)`, 0 to 255.

    Returns:
        `(vectors (B, T, F), mask bool (B, T))`.
    """

    channels = (8, 16)

    def __init__(self, embedding_size, **kwargs):
        super().__init__(**kwargs)
        self.embedding_size = embedding_size
        self.convolutions = [
            keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu", name=f"convolution_{n + 1}")
            for n, channels in enumerate(self.channels)
        ]
        self.dense = keras.layers.Dense(embedding_size, activation="relu", name="dense")

    def build(self, input_shape):
        shape = (None, *input_shape[2:])
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.dense.build((None, shape[1] * shape[2] * shape[3]))
        self.built = True

    def call(self, inputs, training=False):
        frames = ops.cast(inputs, self.compute_dtype) / 255.0
        mask = ops.any(frames > 0, axis=(2, 3, 4))
        steps = frames.shape[1]
        features = ops.reshape(frames, (-1, *frames.shape[2:]))
        for convolution in self.convolutions:
            features = convolution(features)
        features = self.dense(ops.reshape(features, (ops.shape(features)[0], self.dense.kernel.shape[0])))
        return ops.reshape(features, (-1, steps, self.embedding_size)), mask

    def get_config(self):
        return {**super().get_config(), "embedding_size": self.embedding_size}


@keras.saving.register_keras_serializable("captioner")
class VectorInputs(keras.layers.Layer):
    """Vectors as they are: `(B, T, F)` to `(vectors (B, T, F), None)`; nothing is masked."""

    def call(self, inputs, training=False):
        return inputs, None
