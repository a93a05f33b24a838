"""Other views of an image, which training may see in its place: turned over, or a corner of it in full size."""

import numpy as np
from PIL import Image

PLAIN = "plain"
CORNER = 7 / 8  # of height and of width that a corner shows

# What a setting names -> the views that it adds.
KINDS = {"flip": ("flip",), "crops": ("top_left", "top_right", "bottom_left", "bottom_right")}


def views_of(kinds) -> tuple[str, ...]:
    """All views of an image: the plain one first, then those that the kinds add.

    >>> views_of(["flip"])
    ('plain', 'flip')
    """
    return (PLAIN, *(view for kind in KINDS if kind in kinds for view in KINDS[kind]))


def see(pixels: np.ndarray, view: str) -> np.ndarray:
    """A view of pixels `(..., H, W, C)` that are ready for a network, in the same shape.

    A flip turns left and right: captions that tell them apart become wrong with it. Corners are cut from the pixels at
    the network's own size and enlarged again (bilinear), so that any image has them.

    >>> see(np.array([[[1.0], [2.0]]]), "flip").ravel().tolist()
    [2.0, 1.0]
    """
    if view == PLAIN:
        return pixels
    if view == "flip":
        return np.ascontiguousarray(pixels[..., ::-1, :])
    vertical, horizontal = view.split("_")
    height, width = pixels.shape[-3:-1]
    shown_height, shown_width = round(CORNER * height), round(CORNER * width)
    top = 0 if vertical == "top" else height - shown_height
    left = 0 if horizontal == "left" else width - shown_width
    corner = np.asarray(pixels[..., top : top + shown_height, left : left + shown_width, :], np.float32)
    planes = np.moveaxis(corner, -1, -3).reshape(-1, shown_height, shown_width)
    enlarged = [np.asarray(Image.fromarray(plane).resize((width, height), Image.BILINEAR)) for plane in planes]
    stacked = np.stack(enlarged).reshape(*corner.shape[:-3], corner.shape[-1], height, width)
    return np.ascontiguousarray(np.moveaxis(stacked, -3, -1))
