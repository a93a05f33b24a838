"""The contract of all decoders, and what they share.

One decode step, written once, serves training, greedy and beam search, sampling, scoring and pictures of attention.

Letters: B images, R = B x C rows (C captions or beams of each image, those of one image side by side), P places of
the memory, D its size, T words, V vocabulary.
"""

import keras
from keras import ops

from captioner.layers.embedding import WordEmbedding


class Decoder(keras.layers.Layer):
    """Writes words about a memory.

    A subclass defines four methods. `call` composes them for teacher forcing and `captioner.decoding` for searching, so
    neither can drift from the other.

    - `prepare(memory)`: what stays the same for every word of an image (`image`, a dictionary of tensors `(B, ...)`).
    - `start(memory, captions)`: the state before the first word, a nest of tensors `(R, ...)`.
    - `step(words, state, image)`: `(features (R, F), state, extras)`, where `words` is what `read` made of them, and
      `extras` a dictionary of tensors `(R, ...)` such as attention weights.
    - `logits(features)`: `(..., F)` to `(..., V)`. For a whole caption it is one large product.

    Dropout falls on what `read` returns and on what `logits` receives, so all noise is drawn outside the loop.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        dropout: float. Share of values dropped from word vectors and before the logits.
        word_dropout: float. Share of words whose whole vector is dropped, so that what comes next has to be seen in the
            picture and cannot be guessed from the word before (Bowman et al. 2016, section 3.1).
        tie_embeddings: bool. The logits use the transposed word embedding (Press & Wolf 2017).
    """

    def __init__(self, vocabulary_size, embedding_size, dropout=0.0, word_dropout=0.0, tie_embeddings=False, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_size = embedding_size
        self.dropout_rate = dropout
        self.word_dropout_rate = word_dropout
        self.tie_embeddings = tie_embeddings
        self.embedding = WordEmbedding(vocabulary_size, embedding_size, name="embedding")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.word_dropout = keras.layers.Dropout(word_dropout, noise_shape=(None, None, 1), name="word_dropout")
        self.deep_output = keras.layers.Dense(embedding_size, name="deep_output")

    def build_words(self, feature_size):
        """Creates the weights that turn words into vectors and features `(..., F)` into logits."""
        self.embedding.build((None,))
        self.deep_output.build((None, feature_size))
        if not self.tie_embeddings:
            self.output_kernel = self.add_weight(
                (self.embedding_size, self.vocabulary_size), initializer="glorot_uniform", name="output_kernel"
            )
        self.output_bias = self.add_weight((self.vocabulary_size,), initializer="zeros", name="output_bias")

    def read(self, words, training=False):
        """What a step needs of word ids `(R,)` or `(R, T)` and what depends on no state: here their vectors."""
        vectors = self.embedding(words)
        if training:
            vectors = self.word_dropout(vectors, training=True)
        return self.dropout(vectors, training=training)

    def prepare(self, memory):
        raise NotImplementedError(f"{type(self).__name__} does not define `prepare`.")

    def start(self, memory, captions=1):
        raise NotImplementedError(f"{type(self).__name__} does not define `start`.")

    def step(self, words, state, image):
        raise NotImplementedError(f"{type(self).__name__} does not define `step`.")

    def logits(self, features, training=False):
        """Scores of all words: `(..., F)` to `(..., V)`, through one hidden layer of the embedding's size."""
        hidden = self.dropout(ops.tanh(self.deep_output(features)), training=training)
        kernel = ops.transpose(self.embedding.embeddings) if self.tie_embeddings else self.output_kernel
        return ops.matmul(hidden, ops.cast(kernel, hidden.dtype)) + self.output_bias

    def call(self, words, memory, training=False):
        """Teacher forcing: the scores of each next word, given the words before it.

        Args:
            words: int `(R, T)`, the captions without their last word, R = B x C.
            memory: `(B, P, D)`.

        Returns:
            `(logits (R, T, V), extras)`; each of the extras is `(R, T, ...)`.
        """
        image = self.prepare(memory)
        state = self.start(memory, captions=words.shape[0] // memory.shape[0])
        read = self.read(words, training=training)
        features, extras = [], []
        for t in range(words.shape[1]):  # T is static and short. Unrolled on purpose: XLA compiles and exports it.
            feature, state, extra = self.step(read[:, t], state, image)
            features.append(feature)
            extras.append(extra)
        stacked = {name: ops.stack([extra[name] for extra in extras], axis=1) for name in extras[0]}
        return self.logits(ops.stack(features, axis=1), training=training), stacked

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.embedding_size,
            "dropout": self.dropout_rate,
            "word_dropout": self.word_dropout_rate,
            "tie_embeddings": self.tie_embeddings,
        }


def repeat_rows(values, captions):
    """Repeats each image's row `(B, ...)` for its captions: `(B x captions, ...)`, rows of one image side by side."""
    return values if captions == 1 else ops.repeat(values, captions, axis=0)
