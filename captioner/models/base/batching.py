"""Batches of one size, so that one compiled network serves all of them; and positions as the grid they form."""

import numpy as np

from captioner.models.base.memory import encoding_memory, rows_at_once


def pad_batch(values: np.ndarray, rows: int) -> np.ndarray:
    """Repeats the last row until there are `rows`."""
    if len(values) == rows:
        return values
    return np.concatenate([values, np.repeat(values[-1:], rows - len(values), axis=0)])


def encode_with(encoder, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
    """The frozen backbone's features of pixels `(N, H, W, 3)`, N at most `batch_size`.

    Batches of images that take too much memory are computed in parts. An encoder without a frozen backbone is trained
    as a whole: the pixels are returned as they are.
    """
    if not encoder.cacheable:
        return pixels
    size = rows_at_once(batch_size or len(pixels), encoding_memory(encoder))
    parts = [pixels[start : start + size] for start in range(0, max(len(pixels), 1), size)]
    return np.concatenate([np.asarray(encoder.backbone.predict(pad_batch(part, size)))[: len(part)] for part in parts])


def on_grid(maps: np.ndarray, grid: tuple[int, int] | None) -> np.ndarray:
    """Weights of positions `(..., P)` as `(..., h, w)`; as they are where the positions form no grid."""
    if grid is None or maps.shape[-1] != grid[0] * grid[1]:
        return maps
    return maps.reshape(*maps.shape[:-1], *grid)
