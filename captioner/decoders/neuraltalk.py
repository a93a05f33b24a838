"""The decoder into which the image enters once, at the first step."""

import keras
from keras import ops

from captioner.decoders.base import Decoder
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class NeuralTalkDecoder(Decoder):
    """The image is added once, where the recurrent network takes its first step.

        v    = mean_p(m_p)
        h_t  = tanh(W_xh x_t + W_hh h_(t-1) + 1(t = 1) W_ih v + b_h)       x_t: vector of the word before

    That is the equation of the paper, for the cell `rnn`. Written as the input [x_t; 1(t = 1) v] it holds for any cell.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them. The paper's is `rnn`.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {})`.

    Reference: [Karpathy & Fei-Fei 2015](https://arxiv.org/abs/1412.2306), section 3.2.
    """

    def build(self, words_shape, memory_shape):
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.embedding_size + memory_shape[-1]))
        self.build_words(self.cell.output_size)
        self.built = True

    def prepare(self, memory):
        return {}

    def start(self, memory, captions=1):
        seen = repeat_rows(self.mean_features(memory), captions)
        return {"cell": self.cell.get_initial_state(ops.shape(seen)[0]), "seen": seen}

    def step(self, read, state, image):
        projected = self.cell.project(ops.concatenate([read["words"], state["seen"]], axis=-1))
        output, cell_state = self.advance(projected, state["cell"], read)
        return output, {"cell": cell_state, "seen": ops.zeros_like(state["seen"])}, {}
