"""Training images with their augmentations, one of which an epoch sees of each image."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from captioner.encoders.base import Encoder
from captioner.images.files import ImagePath
from pipelines.data.features.extract import FeatureExtraction, FeaturePlan, Progress, check_room
from pipelines.data.features.sources import Source, open_source


class AugmentedSource:
    """A source that gives, in each epoch, one augmentation of each image.

    The choice depends on seed, epoch and image alone, so that a run that was stopped continues with the same.

    Args:
        sources: of the same images, one for each augmentation; the plain one first.
        seed: of the choice.
    """

    def __init__(self, sources: Sequence[Source], seed: int):
        self.sources, self.seed = list(sources), seed
        self.readable = np.logical_and.reduce([source.readable for source in self.sources])

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """The plain images."""
        return self.sources[0].read(indices)

    def choose(self, indices: Sequence[int], epoch: int) -> np.ndarray:
        """The number of the augmentation `(N,)` that an epoch sees of each of these images."""
        return np.array(
            [np.random.default_rng([self.seed, epoch, image, 2]).integers(len(self.sources)) for image in indices]
        )

    def read_epoch(self, epoch: int, indices: Sequence[int]) -> np.ndarray:
        """The images `(N, ...)` as an epoch sees them."""
        chosen, values = self.choose(indices, epoch), None
        for number in np.unique(chosen):
            rows = np.flatnonzero(chosen == number)
            part = self.sources[number].read([indices[row] for row in rows])
            values = np.empty((len(indices), *part.shape[1:]), part.dtype) if values is None else values
            values[rows] = part
        return values


def read_epoch(source: Source, epoch: int, indices: Sequence[int]) -> np.ndarray:
    """The images `(N, ...)` of a source as an epoch sees them: plain, where the source has no augmentations."""
    return source.read_epoch(epoch, indices) if isinstance(source, AugmentedSource) else source.read(indices)


def plan_augmented(
    encoder: Encoder, images: Sequence[ImagePath], cache: Path, augmentations: Sequence[str]
) -> FeaturePlan:
    """What it takes to keep the features of all augmentations; an image counts once for each."""
    plans = [FeatureExtraction(encoder, images, cache, each).plan for each in augmentations]
    totals = {name: sum(getattr(plan, name) for plan in plans) for name in ("images", "new", "bytes_needed")}
    folder = plans[0].folder if len(plans) == 1 else plans[0].folder.parent
    return dataclasses.replace(plans[0], **totals, folder=folder)


def open_augmented(
    encoder: Encoder,
    images: Sequence[ImagePath],
    cache: Path,
    augmentations: Sequence[str],
    seed: int,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
):
    """The source of some images and their augmentations, the plain one first; what it takes on disk is logged first.

    Returns:
        the source, and what was wrong with the images that cannot be read.

    Raises:
        UserError: there is no room for all of them; nothing was computed then.
    """
    if len(augmentations) == 1:
        return open_source(encoder, images, cache, progress, log)
    if encoder.cacheable:
        plan = plan_augmented(encoder, images, cache, augmentations)
        if log:
            log(f"{len(augmentations)} views of each training image ({', '.join(augmentations)}). {plan}")
        check_room(plan)
    opened = [open_source(encoder, images, cache, progress, augmentation=each) for each in augmentations]
    return AugmentedSource([source for source, _ in opened], seed), opened[0][1]
