"""Sampling with noise that is given, so that the same noise gives the same samples on every backend."""

import numpy as np
from keras import ops


def sample_categorical(weights, uniform, xp=ops):
    """An index `(...)` for each row of `(..., V)`, with that probability (up to a factor), from uniform `(...)`."""
    cumulative = xp.cumsum(weights, axis=-1)
    below = cumulative <= uniform[..., None] * cumulative[..., -1:]
    # Rounding may put the threshold on the very top, beyond the last index that can be sampled.
    below = xp.logical_and(below, cumulative < cumulative[..., -1:])
    return below.sum(axis=-1) if xp is np else ops.sum(ops.cast(below, "int32"), axis=-1)
