"""Clips: an animated GIF or a folder of images -> the frames that an encoder of clips expects.

walk.gif ──decode_clip──▶ uint8 (f, height, width, 3), f <= F ──clip_batch──▶ float32 (N, F, height, width, 3)
           frames evenly apart                                  padding behind shorter clips
"""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from captioner.errors import UserError
from captioner.images.decode import (
    DEFAULT_LIMITS,
    ImageError,
    ImageLimits,
    ImageSpec,
    decode_image,
    load_image,
    normalise,
    open_image,
    read_bytes,
)
from captioner.images.files import litter_kind
from captioner.images.formats import decodable_extensions
from captioner.images.sources import name_of, plain_source

MAX_FRAMES = 2000
# Pads clips that have fewer frames than others. No pixel and no feature is as large (`StoredPrecision`), and
# half precision holds it exactly.
PADDING = 65504.0

_ALL_FRAMES = 10  # times the pixels that a single image may have


@dataclasses.dataclass(frozen=True)
class ClipSpec(ImageSpec):
    """The input of an encoder of clips: some frames of each, every one as `ImageSpec` says.

    Args:
        frames: F, at most. They are taken evenly from the clip, in the order of time.
    """

    frames: int = 8

    def __post_init__(self):
        super().__post_init__()
        if self.frames < 1:
            raise ValueError(f"A clip needs at least one frame, but {self.frames} are asked for.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.frames, *super().shape)

    @property
    def frame(self) -> ImageSpec:
        """What a single frame has to look like."""
        return ImageSpec(self.height, self.width, self.preprocessing)


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """Indices of `wanted` of `count` frames, evenly spaced: the middles of as many parts; all if there are no more.

    >>> evenly_spaced(9, 3), evenly_spaced(8, 1), evenly_spaced(2, 4)
    ([1, 4, 7], [4], [0, 1])
    """
    return list(range(count)) if count <= wanted else [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]


def load_pixels(source, spec: ImageSpec, limits: ImageLimits = DEFAULT_LIMITS, name: str = "") -> np.ndarray:
    """An image or a clip, whichever `spec` asks for: float32 `spec.shape`.

    Raises:
        ImageError: it cannot be used; the message names it and says why.
    """
    if not isinstance(spec, ClipSpec):
        return load_image(source, spec, limits, name)
    return pixel_batch([decode_clip(source, spec, limits, name)], spec)[0]


def decode_pixels(source, spec: ImageSpec, limits: ImageLimits = DEFAULT_LIMITS, name: str = "") -> np.ndarray:
    """The uint8 pixels of an image `(H, W, 3)` or of a clip `(f, H, W, 3)`, whichever `spec` asks for."""
    decode = decode_clip if isinstance(spec, ClipSpec) else decode_image
    return decode(source, spec, limits, name)


def pixel_batch(pixels: Sequence[np.ndarray], spec: ImageSpec) -> np.ndarray:
    """Decoded images or clips as one array float32 `(N, *spec.shape)`, `PADDING` behind shorter clips."""
    if not isinstance(spec, ClipSpec):
        return normalise(np.stack(pixels), spec)
    batch = np.full((len(pixels), *spec.shape), PADDING, np.float32)
    for row, frames in zip(batch, pixels, strict=True):
        row[: len(frames)] = normalise(frames, spec.frame)
    return batch


def decode_clip(source, spec: ClipSpec, limits: ImageLimits = DEFAULT_LIMITS, name: str = "") -> np.ndarray:
    """The frames of a clip: uint8 RGB `(f, height, width, 3)`, f at most `spec.frames`, at least 1.

    Args:
        source: a folder whose images are the frames, in the order of the numbers in their names; the path or the bytes
            of an animated GIF, of which a frame that is shown n times as long as the shortest counts n times; any
            other image, which is a single frame; or an array `(T, H, W, 3)`.
        spec: how many frames, and of which size; they are stretched to it.
        limits: what is refused before it is decoded.
        name: what to call the clip in messages; a path needs none.

    Raises:
        ImageError: there are no frames, too many, or one cannot be read.
    """
    folder = isinstance(source, str | os.PathLike) and os.path.isdir(source)
    if not folder:
        name = name or name_of(source)
        source = plain_source(source, name or "clip", limits.max_bytes)
    if isinstance(source, np.ndarray) and source.ndim == 4:
        name = name or "clip"
        if source.shape[-1] != 3 or not source.size:
            raise ImageError(name, f"frames have to be an array (T, H, W, 3), but this one has {source.shape}")
        return _decoded([source[index] for index in evenly_spaced(len(source), spec.frames)], spec, limits, name)
    if folder:
        return _from_folder(Path(source), spec, limits, name)
    if isinstance(source, str | os.PathLike):
        source = read_bytes(source, limits)
    if isinstance(source, bytes) and source.startswith(b"GIF"):
        return _from_gif(source, spec, limits, name or "clip")
    return _decoded([source], spec, limits, name)


def read_clip(source, size: int, limits: ImageLimits = DEFAULT_LIMITS) -> np.ndarray:
    """All frames of a clip, stretched to `size` pixels each way: uint8 `(T, size, size, 3)`; see `decode_clip`.

    Raises:
        UserError: there is no such file or folder, or see `decode_clip`.
    """
    if isinstance(source, str | os.PathLike) and not os.path.exists(source):
        raise UserError(f"There is no file or folder {source}. Give a folder of numbered images, or an animated GIF.")
    return decode_clip(source, ClipSpec(size, size, "raw", MAX_FRAMES), limits)


def folder_frames(folder: Path) -> list[Path]:
    """The images of a folder as the frames of a clip: sorted by the numbers in their names, frame2 before frame10."""
    known = decodable_extensions()
    paths = [path for path in folder.iterdir() if path.suffix.lower() in known and not litter_kind(path.name)]
    images = [path for path in paths if path.is_file()]
    stills = [path for path in images if path.suffix.lower() != ".gif"]  # a GIF among them is a clip of its own
    return sorted(stills or images, key=_by_number)


def _from_folder(folder: Path, spec: ClipSpec, limits: ImageLimits, name: str) -> np.ndarray:
    try:
        images = folder_frames(folder)
    except OSError as error:
        raise ImageError(name or str(folder), f"this folder may not be read ({error.strerror})") from None
    _check_count(len(images), name or str(folder))
    return _decoded([images[index] for index in evenly_spaced(len(images), spec.frames)], spec, limits)


def _from_gif(data: bytes, spec: ClipSpec, limits: ImageLimits, name: str) -> np.ndarray:
    frames, durations = open_image(
        data, name, lambda animation, _: _frames(animation, spec, limits, name), limits, spec
    )
    # Programs that write GIFs turn equal frames in a row into one that is shown longer.
    unit = min((time for time in durations if time), default=0)
    times = [max(round(time / unit), 1) if unit else 1 for time in durations]
    _check_count(sum(times), name)
    indices = np.repeat(np.arange(len(frames)), times)
    return np.stack([frames[indices[index]] for index in evenly_spaced(len(indices), spec.frames)])


def _frames(animation: Image.Image, spec: ClipSpec, limits: ImageLimits, name: str) -> tuple[list, list]:
    """All frames of an animated GIF, and how long each is shown."""
    count = getattr(animation, "n_frames", 1)
    _check_count(count, name)
    if count * animation.width * animation.height > _ALL_FRAMES * limits.max_pixels:
        size = f"{count:,} frames of {animation.width:,} x {animation.height:,} pixels"
        raise ImageError(name, f"too large: {size}, the limit is {_ALL_FRAMES * limits.max_pixels:,} pixels in all")
    frames, durations = [], []
    try:
        for number, frame in enumerate(ImageSequence.Iterator(animation)):
            durations.append(frame.info.get("duration") or 0)
            frames.append(decode_image(frame.convert("RGBA") if number else frame, spec, limits, name))
    except ImageError:
        raise
    except Exception as error:  # a decoder that is fed arbitrary bytes may fail in any way whatever
        raise ImageError(name, f"damaged GIF at frame {len(frames) + 1}: {error}") from error
    return frames, durations


def _check_count(count: int, name: str) -> None:
    if not count:
        raise ImageError(name, "this folder holds no images that can be read as the frames of a clip")
    if count > MAX_FRAMES:
        raise ImageError(name, f"it has {count:,} frames, and a clip has at most {MAX_FRAMES:,}")


def _decoded(frames, spec: ClipSpec, limits: ImageLimits, name: str = "") -> np.ndarray:
    return np.stack([decode_image(frame, spec, limits, name) for frame in frames])


def _by_number(path: Path) -> tuple:
    parts = re.split(r"([0-9]+)", path.stem)  # every second one is a number
    return tuple((0, int(part), "") if index % 2 else (1, 0, part) for index, part in enumerate(parts))
