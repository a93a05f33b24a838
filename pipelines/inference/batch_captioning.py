"""Captions for many images of a source, a batch at a time."""

import time
from collections.abc import Callable

import numpy as np

from captioner.models.captioning.image_captioner import Caption, ImageCaptioner
from pipelines.data.features.sources import Source


class Rate:
    """Measures images a second; the first batch, which compiles, does not count.

    Args:
        advance: called with the same arguments.
    """

    def __init__(self, advance: Callable[[int, int], object]):
        self.advance = advance
        self.first: tuple[float, int] | None = None
        self.images_a_second = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = (now, done)
        elif now > self.first[0]:
            self.images_a_second = (done - self.first[1]) / (now - self.first[0])
        self.advance(done, total)


def decode_source(
    captioner: ImageCaptioner,
    source: Source,
    *,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
    **generation,
) -> dict[int, list[Caption]]:
    """Writes captions for all images of a source that can be read.

    Args:
        captioner: an `ImageCaptioner`.
        source: the features of N images.
        batch_size: see `ImageCaptioner.caption_features`.
        progress: is called with the number of images done and of all images.
        generation: how captions are generated, see `ImageCaptioner.generation_config`.

    Returns:
        index of an image -> its captions, best first.
    """
    indices = np.flatnonzero(source.readable)
    batch_size = min(batch_size, max(len(indices), 1))
    written = {}
    for start in range(0, len(indices), batch_size):
        chunk = indices[start : start + batch_size].tolist()
        captions = captioner.caption_features(source.read(chunk), batch_size=batch_size, **generation)
        written.update(zip(chunk, captions, strict=True))
        if progress:
            progress(len(written), len(indices))
    return written
