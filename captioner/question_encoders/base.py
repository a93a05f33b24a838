"""The contract of all question encoders, and what they share.

Letters: B images, R = B x Q rows (Q questions about each image, side by side), T words, P positions of
the memory, D its size, U the size of what a question becomes.
"""

import keras

from captioner.dropout import Dropout
from captioner.layers.embedding import OneHotEmbedding, WordEmbedding

EMBEDDINGS = ("learned", "one_hot")
PAD = 0


class QuestionEncoder(keras.layers.Layer):
    """Question words, and what is seen, if it looks, to vectors.

        outputs (R, T, U), final (R, U), extras = encoder(words (R, T), memory (B, P, D))

    Padding copies the state: `final` is what is known after the last real word, and more padding changes nothing.
    `extras` is a dictionary of batch-first tensors such as attention weights.

    A subclass writes `read(vectors, mask, memory, training)` and sets `output_size` (U) in its constructor, and builds
    its weights in `build_reading(memory_shape)`.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        embedding: "learned" vectors of words, or "one_hot" ones, which have a number a word.
        dropout: float. Share of values dropped from word vectors, while training.

    Call arguments:
        words: int `(R, T)`, real words first in each row.
        memory: `(B, P, D)`; needed by encoders that look.
        mask: bool `(R, T)`, True for real words; by default all that are not padding (0).
    """

    uses_memory = False  # whether it needs the memory
    output_size: int

    def __init__(self, vocabulary_size, embedding_size, embedding="learned", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if embedding not in EMBEDDINGS:
            raise ValueError(f"`embedding` is one of {', '.join(EMBEDDINGS)}, received {embedding!r}.")
        one_hot = embedding == "one_hot"
        self.vocabulary_size = vocabulary_size
        self.asked_size, self.embedding_kind = embedding_size, embedding
        self.embedding_size = vocabulary_size if one_hot else embedding_size
        if one_hot:
            self.embedding = OneHotEmbedding(vocabulary_size, name="embedding")
        else:
            # Keras begins with numbers up to 0.05. For thousands of steps a question would hardly differ from others:
            # what is asked and what is seen meet in products, and their gradients would be as small.
            begin = keras.initializers.RandomNormal(stddev=1.0)
            self.embedding = WordEmbedding(vocabulary_size, embedding_size, begin, name="embedding")
        self.dropout = Dropout(dropout, name="dropout")

    def build(self, words_shape, memory_shape=None):
        if self.uses_memory and memory_shape is None:
            raise ValueError(f"{type(self).__name__} looks while it reads: it needs the memory.")
        self.embedding.build((None,))
        self.build_reading(memory_shape)
        self.built = True

    def build_reading(self, memory_shape):
        raise NotImplementedError(f"{type(self).__name__} does not define `build_reading`.")

    def read(self, vectors, mask, memory, training):
        """`(outputs (R, T, U), final (R, U), extras)` from word vectors `(R, T, E)`, mask `(R, T)` and memory."""
        raise NotImplementedError(f"{type(self).__name__} does not define `read`.")

    def call(self, words, memory=None, mask=None, training=False):
        vectors = self.dropout(self.embedding(words), training=training)
        return self.read(vectors, words != PAD if mask is None else mask, memory, training)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.asked_size,
            "embedding": self.embedding_kind,
            "dropout": self.dropout.rate,
        }
