"""What people give as images, one or many: paths, bytes, open files, Pillow images, arrays of any numbers."""

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from PIL import Image

from captioner.errors import UserError
from captioner.images.depth import Meaning, black_and_white, to_8_bits
from captioner.images.files import ImageError

OneImage: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image
ManyImages: TypeAlias = list[Any] | tuple[Any, ...] | Iterator[Any]

EXPECTED = "an image is a path, bytes, a file opened with 'rb', a Pillow image or an array"


def listed(images: object, dimensions: int = 3) -> tuple[list[Any], bool]:
    """Images as a list, and whether there were several.

    Args:
        images: an image; an array of N of them; or any iterable of images but a mapping.
        dimensions: of the array of a single one: 3 of an image, 4 of a clip.

    Raises:
        UserError: it is none of these.
    """
    if _is_single(images):
        return [images], False
    array = _as_array(images)
    if array is not None and array.dtype.kind not in "OUS":
        return (list(array), True) if array.ndim > dimensions else ([array], False)
    if isinstance(images, Iterable) and not isinstance(images, Mapping):
        return list(images), True
    raise UserError(f"There is no image: {EXPECTED}, or a list of such; received {_what(images)}.")


def plain_source(source: object, name: str, most: int) -> str | os.PathLike | bytes | Image.Image | np.ndarray:
    """One image as a path, bytes, a Pillow image or an array uint8.

    Args:
        source: of an `OneImage`, or an array.
        name: of it, for messages.
        most: bytes of an open file that are read at most, and one more.

    Raises:
        ImageError: it is none.
    """
    if isinstance(source, str | os.PathLike | bytes | Image.Image):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if hasattr(source, "read"):
        return _content(source, name, most)
    array = _as_array(source)
    if array is None or array.dtype.kind in "OUS":
        raise ImageError(name, f"{EXPECTED}; received {_what(source)}")
    return array_pixels(array, name)


def name_of(source: object) -> str:
    """What an image is called in messages; nothing where it has no name."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "filename", "") or getattr(source, "name", "")  # of Pillow's images, of open files
    return name if isinstance(name, str) else ""


def array_pixels(array: np.ndarray, name: str) -> np.ndarray:
    """An array of numbers as uint8 of the same shape.

    Whole numbers from 0 to 255 are what they are, but of uint16; all others are scaled by the rule of
    `captioner.images.depth`: 1 is white where values go from 0 to 1.

    Raises:
        ImageError: it holds no numbers.
    """
    if array.dtype == np.uint8 or not array.size:
        return array.astype(np.uint8)
    if array.dtype.kind not in "buif":
        raise ImageError(name, f"an array of an image holds numbers, but this one holds {array.dtype}")
    values = array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32)
    finite = values[np.isfinite(values)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if array.dtype.kind in "iu" and array.dtype != np.uint16 and least >= 0 and most <= 255:
        return array.astype(np.uint8)
    return to_8_bits(values, *black_and_white(least, most, Meaning()))


def _is_single(images: object) -> bool:
    return isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Image.Image) or hasattr(
        images, "read"
    )


def _as_array(value: object) -> np.ndarray | None:
    """A NumPy array, or what can be made into one as tensors can; None of anything else, such as a list."""
    if isinstance(value, np.ndarray):
        return value
    if not hasattr(value, "__array__"):
        return None
    try:
        return np.asarray(value)
    except Exception as error:  # a tensor that needs a gradient, or lies on another device
        reason = " ".join(str(error).split())
        raise UserError(f"This {type(value).__name__} cannot be made into an array: {reason}") from None


def _content(file: Any, name: str, most: int) -> bytes:
    """What an open file holds, from its beginning: it may just have been written."""
    try:
        if getattr(file, "seekable", lambda: False)():
            file.seek(0)
        data = file.read(most + 1)
    except UnicodeDecodeError:
        data = ""
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise ImageError(name, f"this file could not be read ({error})") from None
    if isinstance(data, str) or isinstance(file, io.TextIOBase):
        raise ImageError(name, "this file is open for text; open it with 'rb'")
    return bytes(data)


def _what(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return f"{value} (a missing value)"
    return f"{type(value).__name__} {value!r:.60}" if isinstance(value, int | float) else type(value).__name__
