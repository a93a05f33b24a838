"""Captions for many images of a source, a batch at a time."""

from collections.abc import Callable

import numpy as np

from captioner.models.captioner import Caption, ImageCaptioner
from pipelines.sources import Source


def decode_source(
    captioner: ImageCaptioner,
    source: Source,
    *,
    beam_size: int | None = None,
    candidates: int = 1,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, list[Caption]]:
    """Writes captions for all images of a source that can be read.

    Returns:
        index of an image -> its captions, best first.
    """
    indices = np.flatnonzero(source.readable)
    batch_size = min(batch_size, max(len(indices), 1))
    written = {}
    for start in range(0, len(indices), batch_size):
        chunk = indices[start : start + batch_size].tolist()
        captions = captioner.caption_features(
            source.read(chunk), beam_size=beam_size, candidates=candidates, batch_size=batch_size
        )
        written.update(zip(chunk, captions, strict=True))
        if progress:
            progress(len(written), len(indices))
    return written
