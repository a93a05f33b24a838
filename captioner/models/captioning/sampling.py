"""Noise for sampling captions, such that an image gets the same ones in any batch."""

import hashlib
from collections.abc import Sequence

import numpy as np


def sampling_noise(seed: int, keys: Sequence[bytes], captions: int, max_words: int) -> np.ndarray:
    """Noise `(N, captions, max_words)` for N images, each of which depends on the seed and its own key alone.

    So a folder that is captioned in other batches, or in two runs, gets the same captions; and of more captions the
    first ones stay the same.
    """
    hashes = (np.frombuffer(hashlib.blake2b(key, digest_size=16).digest(), "<u4").tolist() for key in keys)
    generators = (np.random.default_rng([seed % 2**64, *integers]) for integers in hashes)
    return np.stack([generator.random((captions, max_words), dtype="float32") for generator in generators])


def keys_of(values: np.ndarray) -> list[bytes]:
    """A key for each image, made from its content."""
    return [np.ascontiguousarray(row).tobytes() for row in values]
