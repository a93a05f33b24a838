"""FiLM: a small convolutional network over the grid, conditioned on the question."""

import keras
from keras import ops

from captioner.fusions.base import Fusion, with_coordinates
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class ConditionedGrid(Fusion):
    """Convolutions over the grid, each scaled and shifted by the question and by what was found before.

        x_0 = relu([m; row; column] W + b)
        gamma_n, beta_n = [q; f_(n-1)] W_n + b_n                                     one each a channel; f_0 is nothing
        y_n = relu([x_(n-1); row; column] W'_n + b'_n)
        x_n = y_n + relu((1 + gamma_n) * norm(conv_3x3(y_n)) + beta_n)                norm: of the batch
        a_n = softmax_p(x_np . w_n)
        f_n = norm([sum_p a_np x_np ; max_p x_np ; sum_p x_np / 16])                 what was found; norm: of the layer
        features = relu(f_N W_o + b_o)

    Attention brings what is at one position, the maximum whether there is an object, and the sum how many: weights that
    sum to 1 cannot count. Positions know their row and column. What a block found conditions the next one, so "what is
    below the red star" takes two blocks: where the star is, and what is below it. Layer normalisation of positions
    would make the empty ones as large as the others.

    Args:
        size, dropout: see `Fusion`.
        blocks: int, N.
        channels: int, of x.

    Returns:
        `(features (R, F), {"hop_attention": (R, N, P)})`.

    Reference: [Perez et al. 2018](https://arxiv.org/abs/1709.07871), section 3.2, where only the maximum is taken, at
    the end. Attention, the sum, and f in the conditions are not in the paper.
    """

    counted_in = 16.0  # keeps sums over some dozens of positions at the size of maxima

    def __init__(self, size, dropout=0.0, grid=None, blocks=3, channels=64, **kwargs):
        super().__init__(size, dropout, grid, **kwargs)
        if blocks < 1:
            raise ValueError(f"A conditioned grid has one block at least, received blocks={blocks}.")
        self.blocks = self.hops = blocks
        self.channels = channels
        numbers = range(1, blocks + 1)
        self.enter = keras.layers.Dense(channels, activation="relu", name="enter")
        self.conditions = [keras.layers.Dense(2 * channels, name=f"condition_{n}") for n in numbers]
        self.mixes = [keras.layers.Dense(channels, activation="relu", name=f"mix_{n}") for n in numbers]
        self.convolutions = [
            keras.layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv_{n}") for n in numbers
        ]
        self.norms = [
            keras.layers.BatchNormalization(momentum=0.9, center=False, scale=False, name=f"norm_{n}") for n in numbers
        ]
        self.scores = [keras.layers.Dense(1, use_bias=False, name=f"score_{n}") for n in numbers]
        self.found_norms = [keras.layers.LayerNormalization(name=f"found_{n}") for n in numbers]
        self.hidden = keras.layers.Dense(size, activation="relu", name="hidden")

    def build_joining(self, question_size, memory_shape):
        if self.grid is None:
            raise ValueError("A conditioned grid needs positions that lie in a grid; this encoder has none.")
        shape = (None, *self.grid, self.channels)
        self.enter.build((None, None, memory_shape[-1] + 2))
        for n in range(self.blocks):
            self.conditions[n].build((None, question_size + (3 * self.channels if n else 0)))
            self.mixes[n].build((None, None, self.channels + 2))
            self.convolutions[n].build(shape)
            self.norms[n].build(shape)
            self.scores[n].build((None, None, self.channels))
            self.found_norms[n].build((None, 3 * self.channels))
        self.hidden.build((None, 3 * self.channels))

    def join(self, question, memory, rows, training):
        positions, found, attention_maps = self.enter(with_coordinates(memory, self.grid)), None, []
        for n in range(self.blocks):
            mixed = self.mixes[n](with_coordinates(positions, self.grid))
            y = ops.reshape(mixed, (mixed.shape[0], *self.grid, self.channels))
            z = self.norms[n](self.convolutions[n](y), training=training)
            if n == 0:  # no question has touched this yet: it was computed once an image
                y, z = (repeat_rows(each, rows // memory.shape[0]) for each in (y, z))
            condition = question if n == 0 else ops.concatenate([question, found], axis=-1)
            gamma, beta = ops.split(self.conditions[n](condition)[:, None, None], 2, axis=-1)
            x = y + ops.relu((1.0 + gamma) * z + beta)
            positions = ops.reshape(x, (rows, mixed.shape[1], self.channels))
            weights = ops.softmax(ops.squeeze(self.scores[n](positions), axis=-1), axis=-1)
            found = self.found_norms[n](self._found(positions, weights))
            attention_maps.append(weights)
        return self.hidden(found), {"hop_attention": ops.stack(attention_maps, axis=1)}

    def _found(self, positions, weights):
        attended = ops.squeeze(ops.matmul(weights[:, None], positions), axis=1)
        return ops.concatenate(
            [attended, ops.max(positions, axis=1), ops.sum(positions, axis=1) / self.counted_in], axis=-1
        )

    def get_config(self):
        return {**super().get_config(), "blocks": self.blocks, "channels": self.channels}
