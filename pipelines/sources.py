"""What the trained part of a model takes, for a list of images: cached features, or pixels.

Both are read by index, so that batches, decoding and evaluation need not know which of the two they get.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from captioner.encoders.base import Encoder
from captioner.images import ImageError, load_image
from pipelines.examples import Problem
from pipelines.features import Progress, extract_features


class Source(Protocol):
    """Arrays of images by index; images that cannot be read are not among them.

    `readable[i]` tells whether image i can be read, and `read(indices)` gives `(N, ...)`.
    """

    readable: np.ndarray

    def read(self, indices: Sequence[int]) -> np.ndarray: ...


class PixelSource:
    """Pixels, decoded whenever they are asked for: for encoders that are trained whole.

    Args:
        encoder: tells what the pixels must look like.
        images: files.
        threads: files decoded at once.
    """

    def __init__(self, encoder: Encoder, images: Sequence[Path], threads: int = 4):
        self.spec = encoder.spec
        self.images = list(images)
        self.readable = np.ones(len(self.images), bool)
        self.problems: list[Problem] = []
        self._pool = ThreadPoolExecutor(threads)
        self._check()

    def _check(self):
        for index, problem in enumerate(self._pool.map(self._fault, self.images)):
            if problem:
                self.readable[index] = False
                self.problems.append(problem)

    def _fault(self, path: Path) -> Problem | None:
        try:
            load_image(path, self.spec)
        except ImageError as error:
            return Problem(path, None, str(error))
        return None

    def read(self, indices: Sequence[int]) -> np.ndarray:
        return np.stack(list(self._pool.map(lambda index: load_image(self.images[index], self.spec), indices)))


def open_source(
    encoder: Encoder,
    images: Sequence[Path],
    cache: Path,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[Source, list[Problem]]:
    """The source of some images: their features on disk, computed first where they are missing, or their pixels.

    Returns:
        the source, and what was wrong with the images that cannot be read.
    """
    if not encoder.cacheable:
        source = PixelSource(encoder, images)
        return source, source.problems
    announce = (lambda plan: say(str(plan))) if say else None
    store = extract_features(encoder, images, cache, progress=progress, announce=announce)
    return store, list(store.problems)
