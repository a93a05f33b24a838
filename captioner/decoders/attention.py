"""The decoder that looks at the image again before each word."""

import keras
from keras import ops

from captioner.decoders.base import Decoder, repeat_rows
from captioner.layers.attention import AdditiveAttention


@keras.saving.register_keras_serializable("captioner")
class AttentiveDecoder(Decoder):
    """Soft attention, as in Show, Attend and Tell.

        s0      = tanh(mean_p(m_p) W_s + b_s)              for each state tensor of the cell
        z', a   = attention(h, m)                          context and weights over the P places
        z       = sigmoid(h w_b + b_b) * z'                how much of the image this word needs
        h', s'  = cell([e; z], s)                          e: vector of the word before
        p(word) = softmax(W_o tanh(W_d [h'; z; e]))        deep output

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell.
        attention_size: int, A.
        query_word: bool. The attention's query is [h; e] in place of h, which has not seen the word just written. After
            "a red" it then looks for what is red. Not in the paper; it is what keeps colours and shapes of several
            things together.
        coverage: bool. Attention also knows where it has looked while it wrote this caption (see `AdditiveAttention`).
            Without it, things that look alike are told twice and others not at all.
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
        super().__init__(vocabulary_size, embedding_size, **kwargs)
        self.cell = cell
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
        return {"memory": memory, "keys": self.attention.project(memory)}

    def start(self, memory, captions=1):
        mean = ops.mean(memory, axis=1)
        cell_state = [repeat_rows(start(mean), captions) for start in self.starts]
        # A cell's first state is its output in every cell of the family that has one of that size.
        state = {"cell": cell_state, "output": cell_state[0]}
        if self.attention.coverage:
            state["coverage"] = self.attention.unseen(memory, captions)
        return state

    def step(self, words, state, image):
        query = ops.concatenate([state["output"], words], axis=-1) if self.query_word else state["output"]
        context, weights = self.attention(query, image["memory"], image["keys"], state.get("coverage"))
        context = self.gate(state["output"]) * context
        output, cell_state = self.cell(ops.concatenate([words, context], axis=-1), state["cell"])
        features = ops.concatenate([output, context, words], axis=-1)
        state = {**state, "cell": cell_state, "output": output}
        if self.attention.coverage:
            state["coverage"] = self.attention.cover(state["coverage"], weights)
        return features, state, {"attention": weights}

    def get_config(self):
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "attention_size": self.attention.attention_size,
            "query_word": self.query_word,
            "coverage": self.attention.coverage,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
