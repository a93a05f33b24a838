"""Attention over the grid with the question as query, several times."""

import keras
from keras import ops

from captioner.fusions.base import Fusion, with_coordinates
from captioner.layers.attention import AdditiveAttention


@keras.saving.register_keras_serializable("captioner")
class StackedAttention(Fusion):
    """Looks for what was asked, adds what it found to the question, and looks again.

        v_p = tanh(m_p W_v + b_v),    u_0 = tanh(q W_q + b_q)
        a_k = softmax_p(w_k . tanh(v_p W_k + u_(k-1) U_k + b_k))
        u_k = sum_p a_kp v_p + u_(k-1)
        features = u_K

    The first layer of each side brings them to one size; where the question has it already, the paper does without the
    second. With `coordinates` each position's row and column are two more numbers of m_p.

    Args:
        size, dropout: see `Fusion`.
        hops: int, K.
        attention_size: int, of the space in which positions and questions meet.
        coordinates: bool. See above.

    Returns:
        `(u_K (R, F), {"hop_attention": (R, K, P)})`.

    Reference: [Yang et al. 2016](https://arxiv.org/abs/1511.02274), section 3.3, equations 15 to 22.
    """

    def __init__(self, size, dropout=0.0, grid=None, hops=2, attention_size=256, coordinates=False, **kwargs):
        super().__init__(size, dropout, grid, **kwargs)
        if hops < 1:
            raise ValueError(f"Stacked attention looks once at least, received hops={hops}.")
        self.hops, self.attention_size, self.coordinates = hops, attention_size, coordinates
        self.memory_projection = keras.layers.Dense(size, activation="tanh", name="memory_projection")
        self.query = keras.layers.Dense(size, activation="tanh", name="query")
        self.attentions = [AdditiveAttention(attention_size, name=f"hop_{n + 1}") for n in range(hops)]

    def build_joining(self, question_size, memory_shape):
        self.query.build((None, question_size))
        self.memory_projection.build((None, None, memory_shape[-1] + (2 if self.coordinates else 0)))
        for attention in self.attentions:
            attention.build((None, self.size), (None, None, self.size))

    def join(self, question, memory, rows, training):
        if self.coordinates:
            memory = with_coordinates(memory, self.grid)
        positions, query, attention_maps = self.memory_projection(memory), self.query(question), []
        for attention in self.attentions:
            found, weights = attention(query, positions, attention.project(positions))
            query = query + found
            attention_maps.append(weights)
        return query, {"hop_attention": ops.stack(attention_maps, axis=1)}

    def get_config(self):
        own = {"hops": self.hops, "attention_size": self.attention_size, "coordinates": self.coordinates}
        return {**super().get_config(), **own}
