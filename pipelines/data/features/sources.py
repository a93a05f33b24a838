"""What the trained part of a model takes, for a list of images: cached features, or pixels.

Both are read by index, so that batches, decoding and evaluation need not know which of the two they get.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from captioner.encoders.base import Encoder
from captioner.images.augment import PLAIN, augment
from captioner.images.clips import load_pixels
from captioner.images.decode import ImageError
from captioner.images.files import ImagePath
from captioner.models.captioning.ensemble import join_features
from pipelines.data.examples import Problem
from pipelines.data.features.extract import FeatureExtraction, Progress


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
        images: files, or images in archives.
        threads: files decoded at once.
        augmentation: see `captioner.images.augment`.
    """

    def __init__(self, encoder: Encoder, images: Sequence[ImagePath], threads: int = 4, augmentation: str = PLAIN):
        self.augmentation = augmentation
        self.spec = encoder.spec
        self.images = list(images)
        self._pool = ThreadPoolExecutor(threads)
        checked = list(self._pool.map(self._problem, self.images))
        self.readable = np.array([problem is None for problem in checked], bool)
        self.problems = [problem for problem in checked if problem]

    def _problem(self, path: ImagePath) -> Problem | None:
        try:
            load_pixels(path, self.spec)
        except ImageError as error:
            return Problem(path, None, error.reason)
        return None

    def read(self, indices: Sequence[int]) -> np.ndarray:
        load = lambda index: augment(load_pixels(self.images[index], self.spec), self.augmentation)  # noqa: E731
        return np.stack(list(self._pool.map(load, indices)))


class NoiseSource:
    """Noise in place of images that are not read: the same for all of them, since sampling takes longer than reading.

    Args:
        shape: of an image's array.
        count: images.
    """

    def __init__(self, shape: tuple[int, ...], count: int):
        self.readable = np.ones(count, bool)
        self.image = np.random.default_rng(0).normal(size=shape).astype("float16")

    def read(self, indices: Sequence[int]) -> np.ndarray:
        return np.broadcast_to(self.image, (len(indices), *self.image.shape))


class JoinedSource:
    """What several frozen networks see of the same images, as an `Ensemble` takes it.

    Args:
        sources: of the same images in the same order.
    """

    def __init__(self, sources: Sequence[Source]):
        self.sources = list(sources)
        self.readable = np.all([source.readable for source in self.sources], axis=0)

    def read(self, indices: Sequence[int]) -> np.ndarray:
        return join_features([source.read(indices) for source in self.sources])


def open_sources(
    encoders: Sequence[Encoder], images: Sequence[ImagePath], cache: Path, progress: Progress | None = None
) -> tuple[Source, list[Problem]]:
    """The source of some images for all encoders of a captioner; arguments and results as of `open_source`."""
    opened = [open_source(encoder, images, cache, progress) for encoder in encoders]
    if len(opened) == 1:
        return opened[0]
    unreadable = {problem.path: problem for _, problems in opened for problem in problems}
    return JoinedSource([source for source, _ in opened]), list(unreadable.values())


def open_source(
    encoder: Encoder,
    images: Sequence[ImagePath],
    cache: Path,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
    augmentation: str = PLAIN,
) -> tuple[Source, list[Problem]]:
    """The source of some images: their features on disk, computed first where they are missing, or their pixels.

    Returns:
        the source, and what was wrong with the images that cannot be read.
    """
    if not encoder.cacheable:
        source = PixelSource(encoder, images, augmentation=augmentation)
        return source, source.problems
    extraction = FeatureExtraction(encoder, images, cache, augmentation)
    if log:
        log(str(extraction.plan))
    store = extraction.run(progress=progress)
    return store, list(store.problems)
