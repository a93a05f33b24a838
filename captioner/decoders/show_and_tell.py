"""The decoder for which the image is the first word."""

import keras
from keras import ops

from captioner.decoders.base import Decoder
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class ShowAndTellDecoder(Decoder):
    """The image, as a vector of the size of a word's, is what the network reads before the start word.

        x_(-1)  = W_i mean_p(m_p) + b_i
        h', s'  = cell(x_t, s)             x_t: vector of the word before; s is zero before x_(-1)
        p(word) = softmax(W_o tanh(W_d h'))

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them. The paper's is `lstm`.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {})`.

    Reference: [Vinyals et al. 2015](https://arxiv.org/abs/1411.4555), section 3.1, equations 10 to 12.
    """

    def __init__(self, vocabulary_size, embedding_size, cell, **kwargs):
        super().__init__(vocabulary_size, embedding_size, cell, **kwargs)
        self.image_word = keras.layers.Dense(self.embedding_size, name="image_word")

    def build(self, words_shape, memory_shape):
        self.image_word.build((None, memory_shape[-1]))
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
        word = self.image_word(self.mean_features(memory))
        # Once an image, not once a caption.
        _, state = self.cell(word, self.cell.get_initial_state(ops.shape(word)[0]))
        return {"cell": [repeat_rows(values, captions) for values in state]}

    def step(self, read, state, image):
        output, cell_state = self.advance(read["words"], state["cell"], read)
        return output, {"cell": cell_state}, {}
