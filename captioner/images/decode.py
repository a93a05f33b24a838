"""A file, bytes, a Pillow image or an array -> the pixels that an encoder expects, or an `ImageError`.

    photo.jpg ──decode_image──▶ uint8 (height, width, 3) RGB ──normalise──▶ float32, as the network wants it
               EXIF rotation, first frame, palette, alpha, CMYK, 16 bits, resizing

Files may be hostile: only formats that Pillow decodes itself are tried (no
PostScript), sizes are checked before anything is decoded, and whatever a decoder does with arbitrary bytes
comes back as an `ImageError`.
"""

import contextlib
import dataclasses
import io
import os
import sys
import threading
import warnings

import numpy as np
from PIL import Image

from captioner.errors import alternatives
from captioner.images.files import (
    DEFAULT_LIMITS,
    IMAGE_EXTENSIONS,
    ImageError,
    ImageLimits,
    check_bytes,
    format_of,
    read_bytes,
    sniff_image,
    undecodable_reason,
)

__all__ = [
    "DEFAULT_LIMITS",
    "IMAGE_EXTENSIONS",
    "PREPROCESSING",
    "ImageError",
    "ImageLimits",
    "ImageSpec",
    "decode_image",
    "load_image",
    "normalise",
    "read_bytes",
    "sniff_image",
    "upright_size",
]

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF")
_RESIZING = Image.Resampling.BILINEAR  # Pillow widens the filter when it shrinks, so nothing aliases
_opening = threading.Lock()

# Whatever Pillow warns of is either raised below as an `ImageError` or harmless (an odd EXIF entry), and its warnings
# name no file.
warnings.filterwarnings("ignore", module=r"PIL(\..*)?$")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

PREPROCESSING = {
    "caffe": lambda rgb: rgb[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32),
    "tf": lambda rgb: rgb / np.float32(127.5) - np.float32(1),
    "torch": lambda rgb: (
        (rgb / np.float32(255) - np.array([0.485, 0.456, 0.406], np.float32))
        / np.array([0.229, 0.224, 0.225], np.float32)
    ),
    "unit": lambda rgb: rgb / np.float32(255),
    "raw": lambda rgb: rgb,
}


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """The input of an encoder.

    Args:
        height, width: size in pixels; images are stretched to it.
        preprocessing: `caffe` (BGR minus ImageNet's means), `tf` (-1..1), `torch` (ImageNet's means and
            deviations), `unit` (0..1) or `raw` (0..255).
    """

    height: int = 224
    width: int = 224
    preprocessing: str = "caffe"

    def __post_init__(self):
        if self.preprocessing not in PREPROCESSING:
            raise ValueError(
                f"There is no preprocessing called {self.preprocessing!r}."
                f"{alternatives(self.preprocessing, PREPROCESSING)}"
            )
        if self.height < 1 or self.width < 1:
            raise ValueError(
                f"An image needs at least one pixel, but the size asked for is {self.height} x {self.width}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image: `(height, width, 3)`."""
        return (self.height, self.width, 3)

    def config(self) -> dict:
        return dataclasses.asdict(self)


def normalise(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """uint8 RGB `(..., H, W, 3)` -> float32 of the same shape, in the range and channel order of `spec`."""
    return np.ascontiguousarray(PREPROCESSING[spec.preprocessing](pixels.astype(np.float32)), np.float32)


def load_image(source, spec: ImageSpec, limits: ImageLimits = DEFAULT_LIMITS, name: str = "") -> np.ndarray:
    """`decode_image`, then `normalise`: float32 `(height, width, 3)`."""
    return normalise(decode_image(source, spec, limits, name), spec)


def decode_image(source, spec: ImageSpec, limits: ImageLimits = DEFAULT_LIMITS, name: str = "") -> np.ndarray:
    """The pixels of one image: uint8 RGB `(spec.height, spec.width, 3)`.

    EXIF rotation is applied, an animation gives its first frame, transparent parts become white, 16-bit and
    floating-point values are scaled to 8 bits. A JPEG of at least four times the wanted size is decoded at a
    fraction of its size, as JPEG can: several times faster, and different by little more than rounding.

    Args:
        source: a path, the bytes of a file, a `PIL.Image`, or a uint8 array `(H, W)`, `(H, W, 1)`, RGB
            `(H, W, 3)` or RGBA `(H, W, 4)`.
        spec: the size wanted.
        limits: what is refused before it is decoded.
        name: what to call the image in messages; a path needs none.

    Raises:
        ImageError: the image cannot be used; the message names it and says why.
    """
    if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Image.Image | np.ndarray):
        raise TypeError(
            f"An image is a path, bytes, a PIL image or a NumPy array, but this is of type {type(source).__name__}."
        )
    name = name or _name_of(source)
    if not isinstance(source, Image.Image | np.ndarray):
        source = read_bytes(source, limits) if isinstance(source, str | os.PathLike) else bytes(source)
        check_bytes(len(source), name, limits)
    try:
        with _open(source, name) as image:
            if image.width * image.height > limits.max_pixels:
                size = f"{image.width:,} x {image.height:,} pixels"
                raise ImageError(name, f"too large: {size}, the limit is {limits.max_pixels:,} pixels in all")
            if image.format in ("JPEG", "MPO") and image is not source:
                longest = 2 * max(spec.height, spec.width)  # twice the size leaves resizing some choice
                image.draft("RGB", (longest, longest))
            return _pixels(image, spec)
    except ImageError:
        raise
    except Exception as error:  # a decoder that is fed arbitrary bytes may fail in any way whatever
        kind = format_of(source[:16]) if isinstance(source, bytes) else ""
        raise ImageError(name, _reason(error, kind or "image")) from error


def upright_size(source: str | os.PathLike | bytes, limits: ImageLimits = DEFAULT_LIMITS) -> tuple[int, int]:
    """`(width, height)` of an image file or its bytes as people see it, EXIF rotation applied; nothing is decoded.

    Raises:
        ImageError: the image cannot be used.
    """
    name = _name_of(source)
    if isinstance(source, str | os.PathLike):
        source = read_bytes(source, limits)
    try:
        with _open(source, name) as image:
            sideways = _orientation(image) in _TURNS_SIDEWAYS
            return (image.height, image.width) if sideways else (image.width, image.height)
    except ImageError:
        raise
    except Exception as error:  # as above
        raise ImageError(name, _reason(error, format_of(source[:16]) or "image")) from error


def _name_of(source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "filename", "") or "image")


def _open(source, name: str) -> contextlib.AbstractContextManager[Image.Image]:
    if isinstance(source, Image.Image):
        return contextlib.nullcontext(source)  # the caller's image is neither closed nor changed
    if isinstance(source, np.ndarray):
        return _from_array(source, name)
    # Pillow's own limit warns at 89 and fails at 179 megapixels; ours is checked before a pixel is decoded.
    with _opening:
        # A number, not None: Pillow looks twice, and what another thread decodes meanwhile would fail between.
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, sys.maxsize
        try:
            return Image.open(io.BytesIO(source), formats=_FORMATS)
        except Image.UnidentifiedImageError:
            raise ImageError(name, undecodable_reason(source)) from None
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    if array.dtype != np.uint8:
        raise ImageError(name, f"an array has to hold uint8 values from 0 to 255, but this one holds {array.dtype}")
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.size == 0 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (3, 4)):
        raise ImageError(
            name,
            f"an array has to have the shape (H, W), (H, W, 3) or (H, W, 4), but this one has {array.shape}",
        )
    return Image.fromarray(np.ascontiguousarray(array))


# EXIF orientation -> what brings the picture upright (EXIF 2.3, tag 0x0112).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNS_SIDEWAYS = (5, 6, 7, 8)


def _pixels(image: Image.Image, spec: ImageSpec) -> np.ndarray:
    image.load()
    orientation = _orientation(image)
    size = (spec.height, spec.width) if orientation in _TURNS_SIDEWAYS else (spec.width, spec.height)
    image = _to_rgb(image).resize(size, _RESIZING)
    if orientation in _TURNS:  # after resizing, when it costs nothing
        image = image.transpose(_TURNS[orientation])
    return np.array(image, np.uint8)


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF data: the picture itself may well be fine
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        scales = {"I": (255, 65535), "F": (1, 255, 65535)}.get(image.mode, (65535,))
        return Image.fromarray(_to_8_bits(np.asarray(image), scales)).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray, scales: tuple[int, ...]) -> np.ndarray:
    """uint8 from values whose white is the first of `scales` that none exceeds, or else their maximum."""
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    largest = float(values.max())
    white = next((scale for scale in scales if largest <= scale), largest)
    return np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8)


def _reason(error: Exception, kind: str) -> str:
    if isinstance(error, MemoryError):
        return f"too large: this {kind} does not fit into memory"
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"truncated {kind}: the file ends before the picture does"
    return f"damaged {kind}: {text}"
