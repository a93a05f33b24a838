"""Moving pictures from files: a folder of numbered images, or an animated GIF."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from captioner.errors import UserError
from captioner.images import DEFAULT_LIMITS, IMAGE_EXTENSIONS, ImageError, ImageLimits, ImageSpec, decode_image
from captioner.images import read_bytes as read_file

MOST_FRAMES = 2000


def read_clip(source, size: int, limits: ImageLimits = DEFAULT_LIMITS) -> np.ndarray:
    """The frames of a moving picture, uint8 `(T, size, size, 3)`.

    Args:
        source: a folder whose images are the frames, in the order of the numbers in their names; an animated GIF, of
            which a frame that is shown n times as long as the shortest counts n times; any other image, which is a
            single frame; or an array uint8 `(T, H, W, 3)`.
        size: pixels each way; frames are stretched to it.
        limits: what is refused before it is decoded.

    Raises:
        UserError: there are no frames, too many, or one cannot be read; the message names the file.
    """
    spec = ImageSpec(size, size, "raw")
    if isinstance(source, np.ndarray):
        if source.ndim != 4 or source.shape[-1] != 3 or source.dtype != np.uint8 or not len(source):
            raise UserError(
                f"Frames have to be an array of uint8 of the shape (T, H, W, 3), but this one is of {source.dtype} "
                f"{source.shape}."
            )
        if source.shape[1:3] == (size, size):
            return source
        return np.stack([decode_image(frame, spec, limits) for frame in source])
    path = Path(source)
    if not path.is_dir():
        return _frames_of_a_file(path, spec, limits)
    images = sorted((one for one in path.iterdir() if one.suffix.lower() in IMAGE_EXTENSIONS), key=_by_number)
    if not images:
        raise UserError(f"{path} holds no images. Give a folder whose images are the frames, or an animated GIF.")
    if len(images) > MOST_FRAMES:
        raise UserError(f"{path} holds {len(images):,} images; a clip has at most {MOST_FRAMES:,} frames.")
    return np.stack([decode_image(one, spec, limits) for one in images])


def _frames_of_a_file(path: Path, spec: ImageSpec, limits: ImageLimits) -> np.ndarray:
    if not path.exists():
        raise UserError(f"There is no file or folder {path}. Give a folder of numbered images, or an animated GIF.")
    data = read_file(path, limits)
    first = decode_image(data, spec, limits, name=str(path))  # refuses what is too large, or no image
    if not data.startswith(b"GIF"):
        return first[None]
    frames, shown = [], []
    try:
        with Image.open(BytesIO(data), formats=["GIF"]) as animation:
            for frame in ImageSequence.Iterator(animation):
                frames.append(decode_image(frame.convert("RGB"), spec, limits))
                shown.append(frame.info.get("duration") or 0)
                if len(frames) > MOST_FRAMES:
                    break
    except UserError:
        raise
    except Exception as error:  # a decoder that is fed arbitrary bytes may fail in any way whatever
        raise ImageError(str(path), f"damaged GIF at frame {len(frames) + 1}: {error}") from error
    # Programs that write GIFs turn equal frames in a row into one that is shown longer.
    unit = min((time for time in shown if time), default=0)
    times = [max(round(time / unit), 1) if unit else 1 for time in shown]
    if sum(times) > MOST_FRAMES:
        raise UserError(f"{path} has more than {MOST_FRAMES:,} frames, the most a clip may have.")
    return np.repeat(np.stack(frames), times, axis=0)


def _by_number(path: Path) -> tuple:
    """Numbers by their size, the rest by alphabet: frame2 comes before frame10."""
    parts = re.split(r"(\d+)", path.stem)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
