"""Moving pictures of which every frame is read."""

import os

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import MAX_FRAMES, ClipSpec, decode_clip
from captioner.images.decode import DEFAULT_LIMITS, ImageLimits


def read_clip(source, size: int, limits: ImageLimits = DEFAULT_LIMITS) -> np.ndarray:
    """All frames of a moving picture, uint8 `(T, size, size, 3)`.

    Args:
        source: a folder, an animated GIF, any other image, which is a single frame, or an array uint8 `(T, H, W, 3)`;
            see `captioner.images.clips.decode_clip`.
        size: pixels each way; frames are stretched to it.
        limits: what is refused before it is decoded.

    Raises:
        UserError: there are no frames, too many, or one cannot be read; the message names the file.
    """
    if isinstance(source, str | os.PathLike) and not os.path.exists(source):
        raise UserError(f"There is no file or folder {source}. Give a folder of numbered images, or an animated GIF.")
    return decode_clip(source, ClipSpec(size, size, "raw", MAX_FRAMES), limits)
