"""Soft attention: the decoder attends to the image before each word."""

import keras
from keras import ops

from captioner.decoders.base import Decoder
from captioner.layers.attention import AdditiveAttention
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class AttentiveDecoder(Decoder):
    """Soft attention, as in Show, Attend and Tell.

        s0      = tanh(mean_p(m_p) W_s + b_s)              for each state tensor of the cell
        z', a   = attention(h, m)                          context and weights over the P positions
        z       = sigmoid(h w_b + b_b) * z'                how much of the image this word needs
        h', s'  = cell([e; z], s)                          e: vector of the word before
        p(word) = softmax(W_o tanh(W_d [h'; z; e]))        deep output

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them.
        attention_size: int, A.
        query_word: bool. The attention's query is [h; e] instead of h, which has not read the word just written. After
            "a red" it then attends to what is red. Not in the paper; it keeps colours and shapes of several objects
            together.
        coverage: bool. Attention also knows where it has attended in this caption (see `AdditiveAttention`). Without
            it, objects that look alike are described twice and others not at all.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {"attention": (R, T, P)})`.

    Reference: [Xu et al. 2015](https://arxiv.org/abs/1502.03044), sections 3.1.2 and 4.2.1.
    """

    def __init__(
        self, vocabulary_size, embedding_size, cell, attention_size, query_word=False, coverage=False, **kwargs
    ):
        super().__init__(vocabulary_size, embedding_size, cell, **kwargs)
        self.query_word = query_word
        self.attention = AdditiveAttention(attention_size, coverage=coverage, name="attention")
        self.gate = keras.layers.Dense(1, activation="sigmoid", name="gate")
        self.starts = [
            keras.layers.Dense(size, activation="tanh", name=f"start_{index}")
            for index, size in enumerate(cell.state_sizes())
        ]

    def build(self, words_shape, memory_shape):
        memory_size, output_size = memory_shape[-1], self.cell.output_size
        for start in self.starts:
            start.build((None, memory_size))
        query_size = output_size + (self.embedding_size if self.query_word else 0)
        self.attention.build((None, query_size), (None, None, memory_size))
        self.gate.build((None, output_size))
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.embedding_size + memory_size))
        self.build_words(output_size + memory_size + self.embedding_size)
        self.built = True

    def prepare(self, memory):
        return {"memory": memory, "keys": self.attention.project(memory), **self.real_positions(memory)}

    def start(self, memory, captions=1):
        mean = self.mean_features(memory)
        cell_state = [repeat_rows(start(mean), captions) for start in self.starts]
        state = {"cell": cell_state, "output": self.cell.output_from_state(cell_state)}
        if self.attention.coverage:
            state["coverage"] = self.attention.initial_coverage(memory, captions)
        return state

    def step(self, read, state, image):
        words = read["words"]
        context, weights, extras = self.look(read, state, image)
        context = self.gate(state["output"]) * context
        projected = self.cell.project(ops.concatenate([words, context], axis=-1))
        output, cell_state = self.advance(projected, state["cell"], read)
        features = ops.concatenate([output, context, words], axis=-1)
        state = {**state, "cell": cell_state, "output": output}
        if self.attention.coverage:
            state["coverage"] = self.attention.update_coverage(state["coverage"], weights)
        return features, state, extras

    def look(self, read, state, image):
        """What attention finds `(R, D)`, its weights `(R, P)`, and the extras of the step."""
        query = state["output"]
        if self.query_word:
            query = ops.concatenate([query, read["words"]], axis=-1)
        context, weights = self.attention(
            query, image["memory"], image["keys"], state.get("coverage"), image.get("real")
        )
        return context, weights, {"attention": weights}

    def get_config(self):
        return {
            **super().get_config(),
            "attention_size": self.attention.attention_size,
            "query_word": self.query_word,
            "coverage": self.attention.coverage,
        }
