"""Attention with several heads and several hops, some of whose heads can count."""

import keras
from keras import ops

from captioner.fusions.base import Fusion, coordinates, with_coordinates


@keras.saving.register_keras_serializable("captioner")
class HeadedAttention(Fusion):
    """Looks for several things at once, and again for others after it has seen what there is.

        v_p = relu(norm([m_p; row; column] W)),    u_0 = tanh(q W_q + b_q)
        r_kht = softmax_t(o_t . u_(k-1) R_kh)                            which words head h of hop k goes by
        s_kph = (u_(k-1) U_kh + sum_t r_kht o_t O_kh + c_kh) . (v_p K_kh + k_kh)
                + (u_(k-1) D_kh + d_kh) . (x_p - z_(k-1)h)                   the second line from the second hop on
        a_kph = softmax_p(s_kph),    g_kph = sigmoid(s'_kph + b_kh)      the second with heads of their own
        z_kh = sum_p a_kph x_p                                           where head h looked
        f_k = norm([sum_p a_kph v_p V_kh ; sum_p g_kph v_p V'_kh ; sum_p g_kph ; z_kh])
        u_k = u_(k-1) + relu([u_(k-1); f_k; u_(k-1) * f_k G_k] W_k + b_k) W'_k
        features = [u_K; u_0 * u_K]

    Weights that sum to 1 find a thing and cannot say how many there are of it; gates can, since each place is let in or
    not whatever the others are. x_p is the column and the row of a place, from -1 to 1: the second hop is told where
    the first looked, so it can look beside it, and whether one thing is left of another can be read from two numbers.
    `norm` is that of the batch. The products compare what was found with what was asked for. Words o_t of the question
    are what its encoder put out at each: "is the red star left of the blue ring" has two things to look for, and a head
    that goes by the words of the first need not learn anew how things are found. The bias k_kh lets the question say
    how much a gate wants: "red" is one thing to agree on, "red star" two.

    Args:
        size, dropout: see `Fusion`; u has half of the size.
        hops: int, K.
        heads: int, of each of the two kinds.
        attention_size: int, A, of a head.

    Returns:
        `(features (R, F), {"looks": (R, K, P)})`, the mean over heads of the weights that sum to 1.

    References: [Yang et al. 2016](https://arxiv.org/abs/1511.02274) for hops with the question as query; Hudson &
    Manning 2018 (https://arxiv.org/abs/1803.03067), section 3.2.1, for words that steer a hop; Vaswani et al.
    2017, section 3.2, for heads; [Zhang, Hare & Pruegel-Bennett 2018](https://arxiv.org/abs/1802.05766), section 3, for
    why weights that sum to 1 cannot count.
    """

    reads = True
    closed = -1e4  # a score that no softmax lets through

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
        self.place = keras.layers.Dense(2 * half, use_bias=False, name="place")
        self.place_norm = keras.layers.BatchNormalization(momentum=0.9, name="place_norm")
        self.query = keras.layers.Dense(half, activation="tanh", name="query")
        self.queries = [keras.layers.Dense(width, name=f"query_{n}") for n in numbers]
        self.readings = [keras.layers.Dense(2 * heads * half, name=f"reading_{n}") for n in numbers]
        self.word_keys = keras.layers.Dense(half, use_bias=False, name="word_keys")
        self.wordings = [keras.layers.Dense(width, use_bias=False, name=f"wording_{n}") for n in numbers]
        self.keys = [keras.layers.Dense(width, name=f"keys_{n}") for n in numbers]
        self.directions = [keras.layers.Dense(4 * heads, name=f"direction_{n}") for n in numbers[1:]]
        self.values = [keras.layers.Dense(width, use_bias=False, name=f"values_{n}") for n in numbers]
        self.found_norms = [keras.layers.BatchNormalization(momentum=0.9, name=f"found_{n}") for n in numbers]
        self.thinks = [keras.layers.Dense(2 * half, activation="relu", name=f"think_{n}") for n in numbers]
        self.matches = [keras.layers.Dense(half, name=f"match_{n}") for n in numbers]
        self.says = [keras.layers.Dense(half, name=f"say_{n}") for n in numbers]

    def build_joining(self, question_size, memory_shape):
        half, width = self.size // 2, 2 * self.heads * self.attention_size
        found = width + 3 * self.heads
        self.place.build((None, None, memory_shape[-1] + 2))
        self.place_norm.build((None, None, 2 * half))
        self.query.build((None, question_size))
        self.word_keys.build((None, None, self.word_size))
        for n in range(self.hops):
            self.queries[n].build((None, half))
            self.readings[n].build((None, half))
            self.wordings[n].build((None, None, self.word_size))
            self.keys[n].build((None, None, 2 * half))
            self.values[n].build((None, None, 2 * half))
            self.found_norms[n].build((None, found))
            self.matches[n].build((None, found))
            self.thinks[n].build((None, 2 * half + found))
            self.says[n].build((None, 2 * half))
        for direction in self.directions:
            direction.build((None, half))
        # Gates begin nearly shut: a sum over all places would drown what they are to count.
        self.gate_bias = self.add_weight(
            (self.hops, self.heads, 1), initializer=keras.initializers.Constant(-3.0), name="gate_bias"
        )

    def join(self, question, memory, rows, training, words, real):
        images, count = memory.shape[0], rows // memory.shape[0]
        places = self.place_norm(self.place(with_coordinates(memory, self.grid)), training=training)
        places = ops.relu(places)
        first = query = self.query(question)
        word_keys = ops.transpose(self.word_keys(words), (0, 2, 1))  # (R, F / 2, T)
        closed = ops.where(real, 0.0, self.closed)[:, None]
        where = ops.cast(coordinates(self.grid, memory.shape[1]), memory.dtype)
        looks, centre = [], None

        def headed(values, length):  # (B x length, 2 H A) -> (B, 2 H, length, A)
            values = ops.reshape(values, (images, length, 2 * self.heads, -1))
            return ops.transpose(values, (0, 2, 1, 3))

        def in_rows(values):  # (B, H, Q, A) -> (R, H A)
            return ops.reshape(ops.transpose(values, (0, 2, 1, 3)), (rows, -1))

        for n in range(self.hops):
            keys = headed(self.keys[n](places), memory.shape[1])
            values = headed(self.values[n](places), memory.shape[1])
            reading = ops.reshape(self.readings[n](query), (rows, 2 * self.heads, -1))
            reading = ops.softmax(ops.matmul(reading, word_keys) + closed, axis=-1)  # (R, 2 H, T)
            worded = ops.reshape(self.wordings[n](words), (rows, -1, 2 * self.heads, self.attention_size))
            worded = ops.einsum("rht,rtha->rha", reading, worded)
            asked = headed(self.queries[n](query) + ops.reshape(worded, (rows, -1)), count)
            scores = ops.matmul(asked, ops.transpose(keys, (0, 1, 3, 2)))  # (B, 2 H, Q, P)
            if n:
                direction = headed(self.directions[n - 1](query), count)  # (B, 2 H, Q, 2)
                reached = ops.sum(direction * ops.concatenate([centre, centre], axis=1), axis=-1, keepdims=True)
                scores = scores + ops.matmul(direction, ops.transpose(where)) - reached
            weights = ops.softmax(scores[:, : self.heads], axis=-1)
            centre = ops.matmul(weights, where)  # (B, H, Q, 2)
            gates = ops.sigmoid(scores[:, self.heads :] + self.gate_bias[n, :, None])
            found = ops.matmul(ops.concatenate([weights, gates], axis=1), values)  # (B, 2 H, Q, A)
            counted = ops.sum(gates, axis=-1, keepdims=True)
            found = ops.concatenate([in_rows(found), in_rows(counted), in_rows(centre)], axis=-1)
            found = self.found_norms[n](found, training=training)
            thought = self.thinks[n](ops.concatenate([query, found, query * self.matches[n](found)], axis=-1))
            query = query + self.says[n](thought)
            looks.append(ops.reshape(ops.mean(weights, axis=1), (rows, memory.shape[1])))
        return ops.concatenate([query, first * query], axis=-1), {"looks": ops.stack(looks, axis=1)}

    def get_config(self):
        own = {"hops": self.hops, "heads": self.heads, "attention_size": self.attention_size}
        return {**super().get_config(), **own}
