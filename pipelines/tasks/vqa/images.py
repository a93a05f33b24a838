"""Questions by image, so that each image is read and encoded once for all that is asked about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from captioner.encoders.base import Encoder
from captioner.images.files import ImagePath
from pipelines.data.examples import Problem, QuestionExample
from pipelines.data.features.extract import Progress
from pipelines.data.features.sources import Source, open_source


@dataclass
class QuestionsByImage:
    """The images of a split, and the questions about each.

    images: each once, in the order of the questions.
    questions: for each image the numbers of its questions in `examples`.
    source: reads the images; None until `open` was called.
    """

    examples: tuple[QuestionExample, ...]
    images: list[ImagePath]
    questions: list[list[int]]
    source: Source | None = None

    @classmethod
    def of(cls, examples: Sequence[QuestionExample]) -> "QuestionsByImage":
        by_image: dict[ImagePath, list[int]] = {}
        for number, example in enumerate(examples):
            by_image.setdefault(example.image, []).append(number)
        return cls(tuple(examples), list(by_image), list(by_image.values()))

    def open(self, encoder: Encoder, cache: Path, uses_image: bool, progress: Progress | None = None, log=None):
        """Opens the source; features are computed where they are missing.

        Args:
            uses_image: whether the network sees images at all; if not, none is read.

        Returns:
            what was wrong with images that cannot be read, as problems.
        """
        if not uses_image:
            self.source = NoImages(len(self.images))
            return []
        self.source, problems = open_source(encoder, self.images, cache, progress, log)
        return list[Problem](problems)


class NoImages:
    """A source for networks that never see the image: one number an image."""

    def __init__(self, count: int):
        self.readable = np.ones(count, bool)

    def read(self, indices: Sequence[int]) -> np.ndarray:
        return np.zeros((len(indices), 1), "float32")
