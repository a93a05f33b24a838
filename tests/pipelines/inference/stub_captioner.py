"""A captioner without a network: captions that depend on the pixels, and scores that depend on the batch."""

import time
import zlib
from types import SimpleNamespace

import numpy as np

from captioner.images.decode import ImageSpec
from captioner.settings import CaptionerSettings, GenerationConfig

WORDS = ("a red dog", "two dogs", "=a formula", "ein Hündchen", 'a "quoted", one', "<script>alert(1)</script>")


class StubCaptioner:
    """Stands for `ImageCaptioner`.

    Its scores depend on the other images of the batch, far more than those of a real network do: whoever composes
    batches differently after a restart writes other bytes.

    Args:
        seconds: how long a batch takes.
        quick: batches at the beginning that take no time.
        grid: where the places of its attention lie, or None.
    """

    def __init__(self, seconds: float = 0.0, grid=(2, 2), quick: int = 0):
        self.encoder = SimpleNamespace(spec=ImageSpec(8, 8, "raw"), grid=grid)
        self.settings = CaptionerSettings()
        self.seconds, self.quick = seconds, quick
        self.batches = []

    def encode(self, pixels, batch_size):
        assert len(pixels) <= batch_size
        return pixels

    def caption_features(self, features, *, attention=False, batch_size=16, config=GenerationConfig(), keys=None):  # noqa: B008 - frozen
        time.sleep(self.seconds if len(self.batches) >= self.quick else 0.0)
        self.batches.append(len(features))
        together = zlib.crc32(np.ascontiguousarray(features).tobytes()) % 1000 / 1000
        return [[self._caption(row, k, together, attention) for k in range(config.candidates)] for row in features]

    def _caption(self, row, k, together, attention):
        text = WORDS[(int(row.sum()) + k) % len(WORDS)]
        words = tuple(text.split())
        looked = np.full((len(words), 2, 2), 0.25) if attention else None
        return SimpleNamespace(text=text, words=words, score=-k - together, attention=looked)
