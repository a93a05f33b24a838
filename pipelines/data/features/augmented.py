"""Several views of each training image, of which an epoch sees one."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from captioner.encoders.base import Encoder
from pipelines.data.features.extract import FeatureExtraction, FeaturePlan, Progress, check_room
from pipelines.data.features.sources import Source, open_source


class ViewedSource:
    """A source that shows each image in one of its views.

    Which one depends on seed, epoch and image alone, so that a run that was stopped goes on with the same.

    Args:
        sources: of the same images, one a view; the plain one first.
        seed: of the choice.
    """

    def __init__(self, sources: Sequence[Source], seed: int):
        self.sources, self.seed = list(sources), seed
        self.readable = np.logical_and.reduce([source.readable for source in self.sources])

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """The plain views."""
        return self.sources[0].read(indices)

    def views(self, indices: Sequence[int], epoch: int) -> np.ndarray:
        """The number of the view `(N,)` in which an epoch shows each of these images."""
        return np.array(
            [np.random.default_rng([self.seed, epoch, image, 2]).integers(len(self.sources)) for image in indices]
        )

    def read_in(self, epoch: int, indices: Sequence[int]) -> np.ndarray:
        """The images `(N, ...)` as an epoch shows them."""
        chosen, read = self.views(indices, epoch), None
        for view in np.unique(chosen):
            places = np.flatnonzero(chosen == view)
            values = self.sources[view].read([indices[place] for place in places])
            read = np.empty((len(indices), *values.shape[1:]), values.dtype) if read is None else read
            read[places] = values
        return read


def read_in(source: Source, epoch: int, indices: Sequence[int]) -> np.ndarray:
    """The images `(N, ...)` of a source as an epoch shows them: plainly, where it has no other views."""
    return source.read_in(epoch, indices) if hasattr(source, "read_in") else source.read(indices)


def plan_views(encoder: Encoder, images: Sequence[Path], cache: Path, views: Sequence[str]) -> FeaturePlan:
    """What it takes to keep all these views of the images; an image counts as often as it has views."""
    plans = [FeatureExtraction(encoder, images, cache, view).plan for view in views]
    totals = {name: sum(getattr(plan, name) for plan in plans) for name in ("images", "new", "bytes_needed")}
    folder = plans[0].folder if len(plans) == 1 else plans[0].folder.parent
    return dataclasses.replace(plans[0], **totals, folder=folder)


def open_views(
    encoder: Encoder,
    images: Sequence[Path],
    cache: Path,
    views: Sequence[str],
    seed: int,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
):
    """The source of some images in several views, the plain one first. What they take on disk is told before.

    Returns:
        the source, and what was wrong with the images that cannot be read.

    Raises:
        UserError: there is no room for all of them; nothing was computed then.
    """
    if len(views) == 1:
        return open_source(encoder, images, cache, progress, log)
    if encoder.cacheable:
        plan = plan_views(encoder, images, cache, views)
        if log:
            log(f"{len(views)} views of each training image ({', '.join(views)}). {plan}")
        check_room(plan)
    opened = [open_source(encoder, images, cache, progress, view=view) for view in views]
    return ViewedSource([source for source, _ in opened], seed), opened[0][1]
