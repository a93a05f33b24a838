"""The decoder that sees the image once, before the first word."""

import keras

from captioner.decoders.base import Decoder
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class InjectDecoder(Decoder):
    """No attention: the cell's state starts from the image, and the words do the rest.

        s0      = tanh(mean_p(m_p) W_s + b_s)              for each state tensor of the cell
        h', s'  = cell(e, s)                               e: vector of the word before
        p(word) = softmax(W_o tanh(W_d h'))

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {})`.

    Reference: the "init-inject" of [Tanti, Gatt & Camilleri 2018](https://arxiv.org/abs/1703.09137), section 3.
    """

    def __init__(self, vocabulary_size, embedding_size, cell, **kwargs):
        super().__init__(vocabulary_size, embedding_size, cell, **kwargs)
        self.starts = [
            keras.layers.Dense(size, activation="tanh", name=f"start_{index}")
            for index, size in enumerate(cell.state_sizes())
        ]

    def build(self, words_shape, memory_shape):
        for start in self.starts:
            start.build((None, memory_shape[-1]))
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.embedding_size))
        self.build_words(self.cell.output_size)
        self.built = True

    def read(self, words, training=False):
        # Nothing but words enters the cell, so its projection is one product for all steps.
        read = super().read(words, training=training)
        return {**read, "words": self.cell.project(read["words"])}

    def prepare(self, memory):
        return {}

    def start(self, memory, captions=1):
        mean = self.mean_features(memory)
        return {"cell": [repeat_rows(start(mean), captions) for start in self.starts]}

    def step(self, read, state, image):
        output, cell_state = self.advance(read["words"], state["cell"], read)
        return output, {"cell": cell_state}, {}
