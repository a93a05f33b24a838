"""Sampling of captions, such that an image gets the same ones in any batch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from captioner.models.base.sampling_options import checked_options


@dataclass(frozen=True)
class Sampling:
    """How captions are sampled.

    temperature: below 1 likely words become likelier; 1 is the model's own distribution, 0 always takes the likeliest.
    top_k: sample from so many of the likeliest words only; 0 for all.
    top_p: sample from the fewest words whose probabilities sum to it only; 1 for all.
    seed: the same seed gives the same captions.

    Raises:
        UserError: a number is out of range.

    See `captioner.decoding.logits_filters.top_k_top_p_filter`.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self):
        checked_options(self.temperature, self.top_k, self.top_p)

    def noise(self, keys: Sequence[bytes], captions: int, max_words: int) -> np.ndarray:
        """Noise `(N, captions, max_words)` for N images, each of which depends on the seed and its own key alone.

        So a folder that is captioned in other batches, or in two runs, gets the same captions; and of more captions
        the first ones stay the same.
        """
        generators = (np.random.default_rng([self.seed % 2**64, *_integers(key)]) for key in keys)
        return np.stack([generator.random((captions, max_words), dtype="float32") for generator in generators])


def keys_of(values: np.ndarray) -> list[bytes]:
    """A key for each image, made from its content."""
    return [np.ascontiguousarray(row).tobytes() for row in values]


def _integers(key: bytes) -> list[int]:
    return np.frombuffer(hashlib.blake2b(key, digest_size=16).digest(), "<u4").tolist()
