"""Bottom-up and top-down attention: an attention LSTM and a language LSTM."""

import keras
from keras import ops

from captioner.decoders.base import Decoder, new_cell
from captioner.layers.attention import AdditiveAttention
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class UpDownDecoder(Decoder):
    """The attention cell reads the last word and the mean of the image; its output is the query of attention.

        a', s_a' = attend([h; v; e], s_a)              e: vector of the word before, v = mean_p(m_p)
        z, w     = attention(a', m)                    context and weights over the P positions
        h', s'   = speak([z; a'], s)
        p(word)  = softmax(W_o tanh(W_d h'))

    The paper's positions are objects that a detector found; here they are those of the encoder's grid.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them: the language cell. The attention cell is a new one of the same
            kind.
        attention_size: int, A.
        coverage: bool. Attention also knows where it has attended in this caption (see `AdditiveAttention`).
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {"attention": (R, T, P)})`.

    Reference: [Anderson et al. 2018](https://arxiv.org/abs/1707.07998), section 3.2.
    """

    word_first = False

    def __init__(self, vocabulary_size, embedding_size, cell, attention_size, coverage=False, **kwargs):
        super().__init__(vocabulary_size, embedding_size, cell, **kwargs)
        self.attend = new_cell(cell, "attend")
        self.attention = AdditiveAttention(attention_size, coverage=coverage, name="attention")

    def build(self, words_shape, memory_shape):
        memory_size, units = memory_shape[-1], self.cell.output_size
        self.attend.build((None, units + memory_size + self.embedding_size))
        self.attention.build((None, units), (None, None, memory_size))
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, memory_size + units))
        self.build_words(units)
        self.built = True

    def read(self, words, training=False):
        read = super().read(words, training=training)
        noise = self.attend.draw_noise(*words.shape) if training else None
        return read if noise is None else {**read, "attend_noise": noise}

    def prepare(self, memory):
        seen = self.mean_features(memory)
        return {"memory": memory, "keys": self.attention.project(memory), "seen": seen, **self.real_positions(memory)}

    def start(self, memory, captions=1):
        rows = ops.shape(memory)[0] * captions
        cell_state = self.cell.get_initial_state(rows)
        state = {
            "cell": cell_state,
            "attend": self.attend.get_initial_state(rows),
            "output": self.cell.output_from_state(cell_state),
        }
        if self.attention.coverage:
            state["coverage"] = self.attention.initial_coverage(memory, captions)
        return state

    def step(self, read, state, image):
        seen = repeat_rows(image["seen"], ops.shape(state["output"])[0] // ops.shape(image["seen"])[0])
        projected = self.attend.project(ops.concatenate([state["output"], seen, read["words"]], axis=-1))
        noise = [read["attend_noise"]] if "attend_noise" in read else []
        attending, attend_state = self.attend.advance(projected, state["attend"], *noise)
        context, weights = self.attention(
            attending, image["memory"], image["keys"], state.get("coverage"), image.get("real")
        )
        projected = self.cell.project(ops.concatenate([context, attending], axis=-1))
        output, cell_state = self.advance(projected, state["cell"], read)
        state = {**state, "cell": cell_state, "attend": attend_state, "output": output}
        if self.attention.coverage:
            state["coverage"] = self.attention.update_coverage(state["coverage"], weights)
        return output, state, {"attention": weights}

    def get_config(self):
        return {
            **super().get_config(),
            "attention_size": self.attention.attention_size,
            "coverage": self.attention.coverage,
        }
