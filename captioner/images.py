"""A file, bytes, a Pillow image or an array -> the pixels that an encoder asks for, or one sentence that says why not.

    photo.jpg ──decode_image──▶ uint8 (height, width, 3) RGB ──normalise──▶ float32, as the network wants it
               EXIF rotation, first frame, palette, alpha, CMYK, 16 bits, resizing

Files of strangers are hostile until proven otherwise: only formats that Pillow decodes itself are tried (no
PostScript), sizes are checked before anything is decoded, and whatever a decoder does with arbitrary bytes comes
back as an `ImageError`.
"""

import contextlib
import dataclasses
import io
import os
import stat
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from captioner.errors import UserError, nearest

IMAGE_EXTENSIONS = frozenset(
    ".avif .bmp .dib .gif .jfif .jpe .jpeg .jpg .mpo .pgm .png .ppm .tif .tiff .webp".split()
)
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF")

# How a file of each format begins; `None` matches any byte.
SIGNATURES = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF, little-endian
    b"MM\0*",  # TIFF, big-endian
    b"II+\0",  # BigTIFF
    b"MM\0+",
    b"BM",
    *(b"P%d" % kind for kind in (2, 3, 5, 6)),  # PGM and PPM
)

# What is often found under an image's name, and how it begins.
STRANGERS = (
    (b"<svg", "an SVG drawing, which has no pixels; export it as PNG"),
    (b"<?xml", "an XML file; an SVG drawing has to be exported as PNG"),
    (b"<!doctype html", "a web page saved under an image's name; download the image itself"),
    (b"<html", "a web page saved under an image's name; download the image itself"),
    (b"%pdf", "a PDF document; export its pages as PNG"),
    (b"%!ps", "a PostScript file; export it as PNG"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
)

_RESIZING = Image.Resampling.BILINEAR  # Pillow widens the filter when it shrinks, so nothing aliases
_opening = threading.Lock()

# Whatever Pillow warns of is either raised below as an `ImageError` or harmless (an odd EXIF entry), and a warning
# from the middle of ten thousand files helps nobody: it names no file.
warnings.filterwarnings("ignore", module=r"PIL(\..*)?$")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class ImageError(UserError):
    """An image that cannot be used.

    Attributes:
        reason: why, without the file's name, as in "truncated JPEG: 12 bytes are missing".
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """What an encoder wants to be fed.

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
                f"There is no preprocessing called {self.preprocessing!r}. Available: {', '.join(PREPROCESSING)}."
                f"{nearest(self.preprocessing, PREPROCESSING)}"
            )
        if self.height < 1 or self.width < 1:
            raise ValueError(
                f"An image needs at least one pixel, but the size is {self.height} x {self.width}."
            )

    def config(self) -> dict:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class ImageLimits:
    """How much a single image may ask for before it is refused: a 40 KB file can hold a picture of 10 GB."""

    max_bytes: int = 256 * 2**20
    max_pixels: int = 200_000_000  # the largest telephone cameras make 200 megapixels


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


def normalise(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """uint8 RGB `(..., H, W, 3)` -> float32 of the same shape, in the range and channel order of `spec`."""
    return np.ascontiguousarray(PREPROCESSING[spec.preprocessing](pixels.astype(np.float32)), np.float32)


def load_image(source, spec: ImageSpec, limits: ImageLimits = ImageLimits(), name: str = "") -> np.ndarray:
    """`decode_image`, then `normalise`: float32 `(height, width, 3)`."""
    return normalise(decode_image(source, spec, limits, name), spec)


def decode_image(source, spec: ImageSpec, limits: ImageLimits = ImageLimits(), name: str = "") -> np.ndarray:
    """The pixels of one image: uint8 RGB `(spec.height, spec.width, 3)`.

    EXIF rotation is applied, an animation gives its first frame, transparent parts become white, 16-bit and
    floating-point values are scaled to 8 bits. JPEGs with at least four times the wanted size are decoded at a
    fraction of it (JPEG can), which is several times faster and differs by rounding only.

    Args:
        source: a path, the bytes of a file, a `PIL.Image`, or a uint8 array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` RGB
            or `(H, W, 4)` RGBA.
        spec: the size wanted.
        limits: what is refused before it is decoded.
        name: what to call the image in messages; a path needs none.

    Raises:
        ImageError: the image cannot be used; the message names it and says why.
    """
    if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | Image.Image | np.ndarray):
        raise TypeError(
            "An image is a path, bytes, a PIL image or a NumPy array, "
            f"but this is of type {type(source).__name__}."
        )
    name = name or _name_of(source)
    kind = "image"
    try:
        with _open(source, limits) as image:
            kind = image.format or kind
            if image.width * image.height > limits.max_pixels:
                raise _Refused(
                    f"too large: {image.width} x {image.height} pixels, the limit is {limits.max_pixels:,} pixels"
                )
            if kind in ("JPEG", "MPO") and image is not source:
                longest = 2 * max(
                    spec.height, spec.width
                )  # twice the size leaves resizing something to average
                image.draft("RGB", (longest, longest))
            return _pixels(image, spec)
    except _Refused as refused:
        raise ImageError(name, str(refused)) from None
    except Exception as error:  # a decoder that is fed arbitrary bytes may fail in any way whatever
        raise ImageError(name, _reason(error, kind)) from error


def read_bytes(path: str | os.PathLike, limits: ImageLimits = ImageLimits()) -> bytes:
    """The content of an image file, for those who need the bytes too (to hash them).

    Raises:
        ImageError: it is not there, not a file, not allowed, or larger than `limits.max_bytes`.
    """
    try:
        return _read(path, limits)
    except _Refused as refused:
        raise ImageError(os.fspath(path), str(refused)) from None


def sniff_image(path: str | os.PathLike) -> bool:
    """Whether a file begins as an image does, whatever its name; reads 16 bytes. False if it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return _begins_as_image(file.read(16))
    except OSError:
        return False


class _Refused(Exception):
    """A reason found here, already in plain words."""


def _name_of(source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "filename", "") or "image")


def _read(path: str | os.PathLike, limits: ImageLimits) -> bytes:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise _Refused("this is a folder, not an image")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe could wait for ever
            raise _Refused("this is not an ordinary file")
        if status.st_size > limits.max_bytes:
            raise _Refused(f"too large: {status.st_size:,} bytes, the limit is {limits.max_bytes:,} bytes")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise _Refused("there is no such file") from None
    except PermissionError:
        raise _Refused("this file may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _Refused(f"this file could not be read ({getattr(error, 'strerror', None) or error})") from None


def _open(source, limits: ImageLimits) -> contextlib.AbstractContextManager[Image.Image]:
    if isinstance(source, Image.Image):
        return contextlib.nullcontext(source)  # the caller's image is neither closed nor changed
    if isinstance(source, np.ndarray):
        return _from_array(source)
    data = _read(source, limits) if isinstance(source, str | os.PathLike) else bytes(source)
    if len(data) > limits.max_bytes:
        raise _Refused(f"too large: {len(data):,} bytes, the limit is {limits.max_bytes:,} bytes")
    if not data:
        raise _Refused("empty file")
    # Pillow's own limit warns at 89 and fails at 179 megapixels; ours is checked before any pixel is decoded.
    with _opening:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.UnidentifiedImageError:
            raise _Refused(_stranger(data)) from None
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8:
        raise _Refused(f"an array has to hold uint8 values from 0 to 255, but this one holds {array.dtype}")
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.size == 0 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (3, 4)):
        raise _Refused(
            f"an array has to have the shape (H, W), (H, W, 3) or (H, W, 4), but this one has {array.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _pixels(image: Image.Image, spec: ImageSpec) -> np.ndarray:
    image.load()
    orientation = _orientation(image)
    size = (spec.height, spec.width) if orientation in _TURNS_SIDEWAYS else (spec.width, spec.height)
    image = _to_rgb(image).resize(size, _RESIZING)
    if orientation in _TURNS:  # after resizing, when it costs nothing
        image = image.transpose(_TURNS[orientation])
    return np.array(image, np.uint8)


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


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF data: the picture itself may well be fine
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
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
    """uint8 from values whose white is the first of `scales` that none of them exceeds, or else their maximum."""
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    largest = float(values.max())
    white = next((scale for scale in scales if largest <= scale), largest)
    return np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8)


def _begins_as_image(head: bytes) -> bool:
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] in (b"avif", b"avis")
    return head.startswith(SIGNATURES)


def _stranger(data: bytes) -> str:
    head = data[:64].lstrip().lower()
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "a HEIC photograph, which cannot be read here; export it as JPEG"
    for beginning, explanation in STRANGERS:
        if head.startswith(beginning):
            return f"not an image but {explanation}"
    if _begins_as_image(data[:16]):
        return "damaged image: its header cannot be read"
    if not data.strip(b"\0"):
        return "not an image: the file holds nothing but zeros"
    return "not an image (JPEG, PNG, GIF, WebP, TIFF, BMP, PPM and AVIF are understood)"


def _reason(error: Exception, kind: str) -> str:
    if isinstance(error, MemoryError):
        return f"too large: this {kind} does not fit into memory"
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"truncated {kind}: the file ends before the picture does"
    return f"damaged {kind}: {text}"
