"""The contract of all fusions, and what they share.

Letters: B images, R = B x Q rows (Q questions about each image, side by side), P positions of the
memory, D its size, U the size of a question's vector, F the size of what comes out.
"""

import keras
from keras import ops

from captioner.dropout import Dropout


class Fusion(keras.layers.Layer):
    """What was asked and what is seen, in one vector.

        features (R, F), extras = fusion(question (R, U), memory (B, P, D))

    `extras` is a dictionary of batch-first tensors such as attention weights.

    A subclass writes `build_joining(question_size, memory_shape)` and `join(question, memory, rows, training)`. If it
    `uses_words` of the question as well, it finds their size in `word_size` and gets `words` and `real`, too.

    Args:
        size: int, F.
        dropout: float. Share of values dropped from the question's vector and from what comes out, while training.
        grid: `(h, w)`, the grid in which the P positions lie, or None.

    Call arguments:
        question: `(R, U)`, or None for those that do not listen.
        memory: `(B, P, D)`, or None for those that do not look.
        rows: int, R; the question's by default.
        words: `(R, T, D')`, what the question encoder put out at each word; for those that read them.
        real: bool `(R, T)`, which words are no padding.
    """

    uses_question = uses_memory = True  # whether it needs the question, and the memory
    uses_words = False  # whether it needs the single words, besides

    def __init__(self, size, dropout=0.0, grid=None, **kwargs):
        super().__init__(**kwargs)
        self.size, self.grid = size, tuple(grid) if grid else None
        self.dropout = Dropout(dropout, name="dropout")

    def build(self, question_shape=None, memory_shape=None, words_shape=None):
        self.word_size = words_shape[-1] if self.uses_words else None
        self.build_joining(
            question_shape[-1] if self.uses_question else None, memory_shape if self.uses_memory else None
        )
        self.built = True

    def build_joining(self, question_size, memory_shape):
        raise NotImplementedError(f"{type(self).__name__} does not define `build_joining`.")

    def join(self, question, memory, rows, training):
        """`(features (R, F), extras)`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `join`.")

    def call(self, question=None, memory=None, rows=None, words=None, real=None, training=False):
        if self.uses_question:
            question, rows = self.dropout(question, training=training), question.shape[0]
        more = {"words": words, "real": real} if self.uses_words else {}
        features, extras = self.join(question, memory, rows, training, **more)
        return self.dropout(features, training=training), extras

    def get_config(self):
        config = {"size": self.size, "dropout": self.dropout.rate, "grid": self.grid}
        return {**super().get_config(), **config}


def with_coordinates(memory, grid):
    """The memory `(B, P, D)` with `coordinates` of each position: `(B, P, D + 2)`.

    Raises:
        ValueError: the positions do not lie in a grid.
    """
    positions = ops.cast(coordinates(grid, memory.shape[1]), memory.dtype)
    positions = ops.broadcast_to(positions[None], (memory.shape[0], memory.shape[1], 2))
    return ops.concatenate([memory, positions], axis=-1)


def coordinates(grid, count):
    """Where the P = `count` positions of a grid lie: column and row, from -1 to 1, float `(P, 2)`.

    Raises:
        ValueError: the positions do not lie in a grid.
    """
    if grid is None or grid[0] * grid[1] != count:
        raise ValueError(
            f"Coordinates need positions that lie in a grid; the grid is {grid}, there are {count} positions."
        )
    down, across = (ops.linspace(-1.0, 1.0, steps) if steps > 1 else ops.zeros((1,)) for steps in grid)
    across, down = ops.meshgrid(across, down)
    return ops.stack([ops.reshape(across, (-1,)), ops.reshape(down, (-1,))], axis=-1)
