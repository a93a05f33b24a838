"""The path of a network's glimpses over images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.files import atomic_file

COLUMNS = 4


def draw_paths(path: Path, images: np.ndarray, locations: np.ndarray, titles: Sequence[str], size: int) -> None:
    """Draws images with the path of the glimpses, numbered, and the square that is seen sharply at the last.

    Args:
        path: a PNG; one that is there is replaced.
        images: uint8 `(N, H, W, 3)`.
        locations: `(N, T, 2)`, x and y, -1 to 1.
        titles: one an image.
        size: pixels each way of the sharpest patch.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    columns = min(COLUMNS, len(images))
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(2.1 * columns, 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in axes:
        panel.set_axis_off()
    for panel, image, centres, title in zip(axes, images, locations, titles, strict=False):
        height, width = image.shape[:2]
        x, y = ((np.clip(centres, -1, 1) + 1) * (width, height) / 2 - 0.5).T
        panel.imshow(image, interpolation="nearest")
        panel.plot(x, y, color="#111111", linewidth=1.2)
        panel.scatter(x, y, c=np.arange(len(x)), cmap="cool", s=16, zorder=3)
        for number, (left, top) in enumerate(zip(x, y, strict=True), start=1):
            panel.annotate(str(number), (left, top), (2, 2), textcoords="offset points", fontsize=6)
        corner = (x[-1] - size / 2, y[-1] - size / 2)
        panel.add_patch(Rectangle(corner, size, size, fill=False, edgecolor="#111111", linewidth=1))
        panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        panel.set_title(title, fontsize=7)
    with atomic_file(path) as file:
        figure.savefig(file, dpi=130, format="png")
