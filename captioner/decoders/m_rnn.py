"""The decoder in which word, recurrent state and image meet in a multimodal layer."""

import keras
from keras import ops

from captioner.decoders.base import Decoder
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class MultimodalDecoder(Decoder):
    """The recurrent network reads words alone; the image joins it after each step, in the multimodal layer.

        r_t     = cell(w_t, r_(t-1))                                 w_t: vector of the word before
        m_t     = g(V_w w_t + V_r r_t + V_I v + b)                   v = mean_p(m_p)
        g(x)    = 1.7159 tanh(2 x / 3)
        p(word) = softmax(W_o m_t)

    The recurrent network need not remember the image, so it can be small.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector and of the multimodal layer.
        cell: any recurrent cell, or a stack of them. The paper's is `rnn` with rectified linear units.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {})`.

    Reference: [Mao et al. 2015](https://arxiv.org/abs/1412.6632), section 3.2.
    """

    output_first = False

    def build(self, words_shape, memory_shape):
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.embedding_size))
        self.build_words(self.embedding_size + self.cell.output_size + memory_shape[-1])
        self.built = True

    def read(self, words, training=False):
        read = super().read(words, training=training)
        return {**read, "projected": self.cell.project(read["words"])}

    def prepare(self, memory):
        return {"seen": self.mean_features(memory)}

    def start(self, memory, captions=1):
        return {"cell": self.cell.get_initial_state(ops.shape(memory)[0] * captions)}

    def step(self, read, state, image):
        output, cell_state = self.advance(read["projected"], state["cell"], read)
        seen = repeat_rows(image["seen"], ops.shape(output)[0] // ops.shape(image["seen"])[0])
        return ops.concatenate([read["words"], output, seen], axis=-1), {"cell": cell_state}, {}

    def hidden(self, features):
        return 1.7159 * ops.tanh(self.deep_output(features) * (2 / 3))
