"""Telling weights apart by a few numbers that survive rounding to half precision.

A checksum of the bytes would call the same ImageNet weights different when they come from
`keras.applications` in single precision and from a file in half precision. Two numbers a tensor do not,
and still see a permuted filter or a fine-tuned layer.
"""

import math
from collections.abc import Sequence

import numpy as np

TOLERANCE = 0.003  # of a tensor's size; rounding to half precision moves the numbers by about 0.0003

_CHUNK = 65_536
_WAVE = np.cos(np.arange(_CHUNK))


def fingerprint(weights: Sequence[np.ndarray]) -> list[list[float]]:
    """For each tensor `w` of n numbers: `sqrt(mean(w^2))`, and `sum(w * wave) / sqrt(n)` for a fixed wave.

    The first is the tensor's size; the second, of about the same size, depends on the order of the
    numbers too.

    >>> fingerprint([np.array([3.0, -3.0])])
    [[3.0, 0.975166]]
    """
    return [_numbers(np.asarray(tensor).ravel()) for tensor in weights]


def same_weights(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> bool:
    """Whether two fingerprints are of the same weights, rounding aside."""
    if len(first) != len(second):
        return False
    return all(
        abs(a - b) <= TOLERANCE * max(one[0], other[0])
        for one, other in zip(first, second, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def is_fingerprint(value) -> bool:
    """Whether something that was read from a file is a fingerprint: a list of pairs of numbers.

    >>> is_fingerprint([[3.0, 0.975166]]), is_fingerprint([[3.0, "x"]]), is_fingerprint({"a": 1}), is_fingerprint("ab")
    (True, False, False, False)
    """
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(number) in (int, float) for number in pair)
        for pair in value
    )


def _numbers(flat: np.ndarray) -> list[float]:
    squares = projection = 0.0
    for number, start in enumerate(range(0, flat.size, _CHUNK)):  # in pieces: fc1 has 103 million numbers
        part = flat[start : start + _CHUNK].astype(np.float64)
        # Not `@`: BLAS starts threads, which take two seconds for this where other programs have the processor.
        squares += float(np.einsum("i,i->", part, part))
        projection += float(np.einsum("i,i->", part, _WAVE[: part.size])) * math.cos(number)
    size = max(flat.size, 1)
    # Six digits, so that the order in which a machine adds does not show.
    return [float(f"{value:.6g}") for value in (math.sqrt(squares / size), projection / math.sqrt(size))]
