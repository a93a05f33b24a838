"""Drawing with noise that is given, so that the same noise draws the same on every backend."""

import numpy as np
from keras import ops


def draw(weights, uniform, xp=ops):
    """An index `(...)` for each row of `(..., V)`, with that probability (up to a factor), from uniform `(...)`."""
    heaped = xp.cumsum(weights, axis=-1)
    below = heaped <= uniform[..., None] * heaped[..., -1:]
    # Rounding may put the threshold on the very top, beyond the last word that can be drawn.
    below = xp.logical_and(below, heaped < heaped[..., -1:])
    return below.sum(axis=-1) if xp is np else ops.sum(ops.cast(below, "int32"), axis=-1)
