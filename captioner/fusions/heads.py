"""Attention with several heads and hops, some of whose heads can count."""

import keras
from keras import ops

from captioner.fusions.base import Fusion, coordinates, with_coordinates


@keras.saving.register_keras_serializable("captioner")
class HeadedAttention(Fusion):
    """Multi-head attention in several hops: each hop queries with what the hops before have attended to.

        v_p = relu(norm([m_p; row; column] W)),    u_0 = tanh(q W_q + b_q)
        r_kht = softmax_t(o_t . u_(k-1) R_kh)                            word attention of head h of hop k
        s_kph = (u_(k-1) U_kh + sum_t r_kht o_t O_kh + c_kh) . (v_p K_kh + k_kh)
                + (u_(k-1) D_kh + d_kh) . (x_p - z_(k-1)h)                   the second line from the second hop on
        a_kph = softmax_p(s_kph),    g_kph = sigmoid(s'_kph + b_kh)      the second with heads of their own
        z_kh = sum_p a_kph x_p                                           where head h attended
        f_k = norm([sum_p a_kph v_p V_kh ; sum_p g_kph v_p V'_kh ; sum_p g_kph ; z_kh])
        u_k = u_(k-1) + relu([u_(k-1); f_k; u_(k-1) * f_k G_k] W_k + b_k) W'_k
        features = [u_K; u_0 * u_K]

    Weights that sum to 1 find an object but cannot count; gates can, since each position is let in independently of the
    others. x_p is the column and the row of a position, from -1 to 1: the second hop knows where the first attended, so
    it can attend beside it, and whether one object is left of another can be read from two numbers. `norm` is batch
    normalisation. The products compare what was attended to with the query. o_t are the outputs of the question encoder
    at each word: "is the red star left of the blue ring" asks for two objects, and a head that attends to the words of
    one of them need not learn anew how objects are found. The bias k_kh lets the question set the threshold of a gate:
    "red" is one property to match, "red star" two.

    Args:
        size, dropout: see `Fusion`; u has half of the size.
        hops: int, K.
        heads: int, of each of the two kinds.
        attention_size: int, A, of a head.

    Returns:
        `(features (R, F), {"hop_attention": (R, K, P)})`, the mean over heads of the weights that sum to 1.

    References: [Yang et al. 2016](https://arxiv.org/abs/1511.02274) for hops with the question as query; Hudson &
    Manning 2018 (https://arxiv.org/abs/1803.03067), section 3.2.1, for words that steer a hop; Vaswani et al.
    2017, section 3.2, for heads; [Zhang, Hare & Pruegel-Bennett 2018](https://arxiv.org/abs/1802.05766), section 3, for
    why weights that sum to 1 cannot count.
    """

    uses_words = True
    masked_score = -1e4  # a score that no softmax lets through

    def __init__(self, size, dropout=0.0, grid=None, hops=3, heads=4, attention_size=32, **kwargs):
        super().__init__(size, dropout, grid, **kwargs)
        if min(hops, heads, attention_size) < 1 or size % 2:
            raise ValueError(
                f"Attention needs a hop, a head and a unit at least, and an even size; received hops={hops}, "
                f"heads={heads}, attention_size={attention_size}, size={size}."
            )
        self.hops, self.heads, self.attention_size = hops, heads, attention_size
        half, width = size // 2, 2 * heads * attention_size
        numbers = range(1, hops + 1)
        self.memory_projection = keras.layers.Dense(2 * half, use_bias=False, name="memory_projection")
        self.memory_norm = keras.layers.BatchNormalization(momentum=0.9, name="memory_norm")
        self.query = keras.layers.Dense(half, activation="tanh", name="query")
        self.queries = [keras.layers.Dense(width, name=f"query_{n}") for n in numbers]
        self.word_queries = [keras.layers.Dense(2 * heads * half, name=f"word_query_{n}") for n in numbers]
        self.word_keys = keras.layers.Dense(half, use_bias=False, name="word_keys")
        self.word_values = [keras.layers.Dense(width, use_bias=False, name=f"word_values_{n}") for n in numbers]
        self.keys = [keras.layers.Dense(width, name=f"keys_{n}") for n in numbers]
        self.directions = [keras.layers.Dense(4 * heads, name=f"direction_{n}") for n in numbers[1:]]
        self.values = [keras.layers.Dense(width, use_bias=False, name=f"values_{n}") for n in numbers]
        self.attended_norms = [keras.layers.BatchNormalization(momentum=0.9, name=f"attended_{n}") for n in numbers]
        self.mlps = [keras.layers.Dense(2 * half, activation="relu", name=f"mlp_{n}") for n in numbers]
        self.matches = [keras.layers.Dense(half, name=f"match_{n}") for n in numbers]
        self.output_projections = [keras.layers.Dense(half, name=f"output_projection_{n}") for n in numbers]

    def build_joining(self, question_size, memory_shape):
        half, width = self.size // 2, 2 * self.heads * self.attention_size
        found = width + 3 * self.heads
        self.memory_projection.build((None, None, memory_shape[-1] + 2))
        self.memory_norm.build((None, None, 2 * half))
        self.query.build((None, question_size))
        self.word_keys.build((None, None, self.word_size))
        for n in range(self.hops):
            self.queries[n].build((None, half))
            self.word_queries[n].build((None, half))
            self.word_values[n].build((None, None, self.word_size))
            self.keys[n].build((None, None, 2 * half))
            self.values[n].build((None, None, 2 * half))
            self.attended_norms[n].build((None, found))
            self.matches[n].build((None, found))
            self.mlps[n].build((None, 2 * half + found))
            self.output_projections[n].build((None, 2 * half))
        for direction in self.directions:
            direction.build((None, half))
        # Gates begin nearly shut: a sum over all positions would drown what they are to count.
        self.gate_bias = self.add_weight(
            (self.hops, self.heads, 1), initializer=keras.initializers.Constant(-3.0), name="gate_bias"
        )

    def join(self, question, memory, rows, training, words, real):
        positions = self.memory_norm(self.memory_projection(with_coordinates(memory, self.grid)), training=training)
        positions = ops.relu(positions)
        grid = ops.cast(coordinates(self.grid, memory.shape[1]), memory.dtype)
        word_keys = ops.transpose(self.word_keys(words), (0, 2, 1))  # (R, F / 2, T)
        word_scores = ops.where(real, 0.0, self.masked_score)[:, None]
        first = query = self.query(question)
        attention, centre = [], None
        for n in range(self.hops):
            word_query = ops.reshape(self.word_queries[n](query), (rows, 2 * self.heads, -1))
            word_weights = ops.softmax(ops.matmul(word_query, word_keys) + word_scores, axis=-1)  # (R, 2 H, T)
            scores = self._scores(n, query, self._read_words(n, words, word_weights), positions)
            if n:
                scores = self._add_direction_scores(n, scores, query, grid, centre)
            weights = ops.softmax(scores[:, : self.heads], axis=-1)
            gates = ops.sigmoid(scores[:, self.heads :] + self.gate_bias[n, :, None])
            centre = ops.matmul(weights, grid)  # (B, H, Q, 2)
            values = self._split_heads(self.values[n](positions), memory.shape)
            attended = ops.matmul(ops.concatenate([weights, gates], axis=1), values)  # (B, 2 H, Q, A)
            counts = ops.sum(gates, axis=-1, keepdims=True)
            attended = ops.concatenate([_merge_heads(each, rows) for each in (attended, counts, centre)], axis=-1)
            attended = self.attended_norms[n](attended, training=training)
            hidden = self.mlps[n](ops.concatenate([query, attended, query * self.matches[n](attended)], axis=-1))
            query = query + self.output_projections[n](hidden)
            attention.append(ops.reshape(ops.mean(weights, axis=1), (rows, memory.shape[1])))
        return ops.concatenate([query, first * query], axis=-1), {"hop_attention": ops.stack(attention, axis=1)}

    def _read_words(self, n, words, weights):
        """sum_t r_kht o_t O_kh: `(R, 2 H A)` from words `(R, T, D')` and weights `(R, 2 H, T)`."""
        rows = words.shape[0]
        values = ops.reshape(self.word_values[n](words), (rows, -1, 2 * self.heads, self.attention_size))
        return ops.reshape(ops.einsum("rht,rtha->rha", weights, values), (rows, -1))

    def _scores(self, n, query, word_context, positions):
        """The first line of s_kph `(B, 2 H, Q, P)`."""
        queries = self._split_heads(self.queries[n](query) + word_context, positions.shape)
        keys = self._split_heads(self.keys[n](positions), positions.shape)
        return ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))

    def _add_direction_scores(self, n, scores, query, grid, centre):
        """The second line of s_kph, added to `scores (B, 2 H, Q, P)`; `centre (B, H, Q, 2)` is z of the hop before."""
        direction = self._split_heads(self.directions[n - 1](query), centre.shape)  # (B, 2 H, Q, 2)
        origin = ops.sum(direction * ops.concatenate([centre, centre], axis=1), axis=-1, keepdims=True)
        return scores + ops.matmul(direction, ops.transpose(grid)) - origin

    def _split_heads(self, values, shape):
        """`(B x L, 2 H A)` or `(B, L, 2 H A)` to `(B, 2 H, L, A)`; `shape` begins with B."""
        length = values.shape[1] if len(values.shape) == 3 else values.shape[0] // shape[0]
        return ops.transpose(ops.reshape(values, (shape[0], length, 2 * self.heads, -1)), (0, 2, 1, 3))

    def get_config(self):
        own = {"hops": self.hops, "heads": self.heads, "attention_size": self.attention_size}
        return {**super().get_config(), **own}


def _merge_heads(values, rows):
    """`(B, H, Q, A)` to `(R, H A)`."""
    return ops.reshape(ops.transpose(values, (0, 2, 1, 3)), (rows, -1))
