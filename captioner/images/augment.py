"""Augmentations of images for training: the mirror image, or an enlarged corner."""

import numpy as np
from PIL import Image

PLAIN = "plain"
CORNER = 7 / 8  # of the height and the width, in a corner

# A name in settings -> the augmentations that it adds.
KINDS = {"flip": ("flip",), "crops": ("top_left", "top_right", "bottom_left", "bottom_right")}


def augmentations_of(kinds) -> tuple[str, ...]:
    """The augmentations that the settings name, after the plain image.

    >>> augmentations_of(["flip"])
    ('plain', 'flip')
    """
    return (PLAIN, *(each for kind in KINDS if kind in kinds for each in KINDS[kind]))


def augment(pixels: np.ndarray, augmentation: str) -> np.ndarray:
    """Pixels `(..., H, W, C)` that are ready for a network, augmented; the shape stays.

    A flip swaps left and right, so captions that name them become wrong. Corners are cut from the pixels at the
    network's own size and enlarged again (bilinear), so that any image has them.

    >>> augment(np.array([[[1.0], [2.0]]]), "flip").ravel().tolist()
    [2.0, 1.0]
    """
    if augmentation == PLAIN:
        return pixels
    if augmentation == "flip":
        return np.ascontiguousarray(pixels[..., ::-1, :])
    vertical, horizontal = augmentation.split("_")
    height, width = pixels.shape[-3:-1]
    shown_height, shown_width = round(CORNER * height), round(CORNER * width)
    top = 0 if vertical == "top" else height - shown_height
    left = 0 if horizontal == "left" else width - shown_width
    corner = np.asarray(pixels[..., top : top + shown_height, left : left + shown_width, :], np.float32)
    planes = np.moveaxis(corner, -1, -3).reshape(-1, shown_height, shown_width)
    enlarged = [np.asarray(Image.fromarray(plane).resize((width, height), Image.BILINEAR)) for plane in planes]
    stacked = np.stack(enlarged).reshape(*corner.shape[:-3], corner.shape[-1], height, width)
    return np.ascontiguousarray(np.moveaxis(stacked, -3, -1))
