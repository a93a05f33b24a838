"""A file, bytes, a Pillow image or an array -> the pixels that an encoder expects, or an `ImageError`.

    photo.jpg ──decode_image──▶ uint8 (height, width, 3) RGB ──normalise──▶ float32, as the network wants it
               EXIF rotation, first frame, palette, alpha, CMYK, more than 8 bits, resizing

Files may be hostile: sizes and memory are checked before anything is decoded, and whatever a decoder does with
arbitrary bytes comes back as an `ImageError`. Metadata never costs a picture: where a decoder refuses a file, what
is not needed for its pixels is left away (`containers.py`), and it is tried again.
"""

import contextlib
import dataclasses
import io
import logging
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from captioner.errors import alternatives
from captioner.images import containers, png_strips
from captioner.images.colours import rgb_rows
from captioner.images.files import (
    DEFAULT_LIMITS,
    ImageError,
    ImageLimits,
    check_bytes,
    read_bytes,
    sniff_image,
)
from captioner.images.formats import (
    CAMERA_RAW,
    HEAD,
    IMAGE_EXTENSIONS,
    ImageFormat,
    all_plugins,
    format_named,
    format_of,
    has_decoder,
    undecodable_reason,
)
from captioner.images.memory import allowed_memory, decoding_memory, memory_needed, memory_to_open
from captioner.images.sources import name_of, plain_source

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
    "open_image",
    "read_bytes",
    "sniff_image",
    "upright_size",
]

_RESIZING = Image.Resampling.BILINEAR  # Pillow widens the filter when it shrinks, so nothing aliases

# Whatever Pillow warns of is either raised below as an `ImageError` or harmless (an odd EXIF entry), and its warnings
# name no file.
warnings.filterwarnings("ignore", module=r"(PIL|pillow_\w+)(\..*)?$")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
logging.getLogger("PIL").addHandler(logging.NullHandler())  # its errors do not go to standard error of their own accord

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

    EXIF rotation is applied, an animation gives its first frame, transparent parts become white, values of more than
    8 bits are scaled (`captioner.images.depth` has the rule). A JPEG of at least four times the wanted size is decoded
    at a fraction of its size, as JPEG can: several times faster, and different by little more than rounding.

    Args:
        source: a path, the bytes of a file, an open file, a `PIL.Image`, or an array `(H, W)`, `(H, W, 1)`, RGB
            `(H, W, 3)` or RGBA `(H, W, 4)` of numbers (`captioner.images.sources.array_pixels`).
        spec: the size wanted.
        limits: what is refused before it is decoded.
        name: what to call the image in messages; a path needs none.

    Raises:
        ImageError: the image cannot be used; the message names it and says why.
    """
    name = name or name_of(source) or "image"
    source = plain_source(source, name, limits.max_bytes)
    if isinstance(source, np.ndarray):
        source = _from_array(source, name)
    if isinstance(source, Image.Image):  # the caller's, who may want it again: it is neither closed nor changed
        try:
            _check_pixels(source.size, limits, name)
            return _pixels(source, spec)
        except ImageError:
            raise
        except Exception as error:  # Pillow may open it lazily, and a decoder may fail in any way whatever
            raise ImageError(name, _reason(error, source.format or "image")) from error
    data = read_bytes(source, limits) if isinstance(source, str | os.PathLike) else source
    check_bytes(len(data), name, limits)
    return open_image(data, name, lambda image, content: _pixels(image, spec, content), limits, draft=spec)


def upright_size(source: str | os.PathLike | bytes, limits: ImageLimits = DEFAULT_LIMITS) -> tuple[int, int]:
    """`(width, height)` of an image file or its bytes as people see it, EXIF rotation applied; nothing is decoded.

    Raises:
        ImageError: the image cannot be used.
    """
    name = name_of(source) or "image"
    if isinstance(source, str | os.PathLike):
        source = read_bytes(source, limits)

    def size(image: Image.Image, content: bytes) -> tuple[int, int]:
        orientation = _orientation_of_png(content) if image.format == "PNG" else _orientation(image)
        # Of a TIFF Pillow itself says the size after turning it.
        sideways = image.format != "TIFF" and orientation in _TURNS_SIDEWAYS
        return (image.height, image.width) if sideways else image.size

    return open_image(source, name, size, limits)


def open_image(data: bytes, name: str, use: Callable, limits: ImageLimits = DEFAULT_LIMITS, draft=None):
    """Opens the content of an image file for `use`, by whichever way it can be opened.

    Args:
        data: the content.
        name: of the file.
        use: called with an image as Pillow opened it, its pixels not yet decoded, and the content that it was opened
            from. It may be called again, with another one, if it raises.
        limits: what is refused.
        draft: an `ImageSpec` for which the pixels are wanted; None: they are not decoded.

    Returns:
        what `use` returns.

    Raises:
        ImageError: the image cannot be used.
    """
    announced, named = format_of(data[:HEAD]), format_named(name)
    if announced is None and (start := containers.picture_start(data)):
        data = data[start:]
        announced = format_of(data[:HEAD])
    if announced is not None and announced.name == "TIFF" and named is CAMERA_RAW:
        raise ImageError(name, CAMERA_RAW.reason)  # many are TIFFs, with a small preview in the first place
    attempt = _Attempt(name, use, limits, draft)
    if announced is not None:
        if not has_decoder(announced):
            raise ImageError(name, undecodable_reason(data, name))
        return _with_format(data, announced, attempt)
    plugins = all_plugins()
    if named is not None and has_decoder(named):
        plugins.insert(0, named.plugin)
    reason = ""
    for plugin in plugins:
        try:
            return attempt(data, plugin)
        except ImageError:
            raise
        except _NotOpenedError:
            continue
        except Exception as error:  # a decoder that is fed arbitrary bytes may fail in any way whatever
            # Of a format without a signature only the name says that it was meant.
            if named is not None and plugin == named.plugin and named.signature is None:
                reason = _reason(error, named.name)
    raise ImageError(name, reason or undecodable_reason(data, name))


class _NotOpenedError(Exception):
    """A decoder did not take a file for its own, or not its header. ended: the file ended within the header."""

    def __init__(self, text: str, ended: bool):
        super().__init__(text)
        self.ended = ended


@dataclasses.dataclass(frozen=True)
class _Attempt:
    """Opens content with one of Pillow's decoders, within limits, and hands it to `use`; arguments of `open_image`."""

    name: str
    use: Callable
    limits: ImageLimits
    draft: ImageSpec | None

    def __call__(self, data: bytes, plugin: str):
        if (needed := memory_to_open(data, plugin)) is not None:
            return self._opened_decoded(data, plugin, needed)
        if (plugin == "PNG" and containers.is_animated_png(data)) or (
            plugin == "TIFF" and containers.tiff_is_heavy(data)
        ):
            data = containers.without_metadata(data, plugin)
        # Pillow inverts 8 bits itself, and does not know some of more with 0 for white: what they mean is read later.
        opened = containers.with_black_for_0(data) if plugin == "TIFF" else data
        with _opened(opened, plugin) as image:
            if self.draft is None:
                return self.use(image, data)
            _check_pixels(image.size, self.limits, self.name)
            what = f"{image.width:,} x {image.height:,} pixels of {plugin}"
            drafted = _draft(image, data, self.draft)
            in_strips = _is_read_in_strips(image, data, self.draft)
            needed = self._allowed(png_strips.MEMORY if in_strips else memory_needed(image, data, drafted), what)
            with decoding_memory.reserve(needed), _pillows_limit(image.size, self.limits):
                return self.use(image, data)

    def _opened_decoded(self, data: bytes, plugin: str, needed: int):
        """Of formats whose decoders have done their work when the image is open."""
        if plugin == "JXL" and (size := containers.jxl_size(data)):
            _check_pixels(size, self.limits, self.name)
        with (
            decoding_memory.reserve(self._allowed(needed, f"this {plugin}")),
            _pillows_limit((self.limits.max_pixels, 1), self.limits),
            _opened(data, plugin) as image,
        ):
            _check_pixels(image.size, self.limits, self.name)
            return self.use(image, data)

    def _allowed(self, needed: int, what: str) -> int:
        """`needed` bytes; raises `ImageError` if that is more than the limits allow."""
        if needed > (allowed := allowed_memory(self.limits)):
            allowance = f"a limit of {self.limits.max_pixels:,} pixels allows {allowed / 1e9:.1f} GB"
            raise ImageError(self.name, f"too large: decoding {what} takes {needed / 1e9:.1f} GB, and {allowance}")
        return needed


def _draft(image: Image.Image, data: bytes, spec: ImageSpec) -> tuple[int, int]:
    """Has a decoder shrink an image while it decodes it, where it can; returns the size `(width, height)` then."""
    longest = 2 * max(spec.height, spec.width)  # twice the size leaves resizing some choice
    if image.format in ("JPEG", "MPO"):
        image.draft("RGB", (longest, longest))
    elif image.format == "JPEG2000" and (times := min(image.size) // longest) > 1:
        with contextlib.suppress(struct.error, IndexError):
            halvings = min(times.bit_length() - 1, containers.jpeg2000_levels(data))
            image.reduce = halvings
            return image.width >> halvings, image.height >> halvings
    return image.size


def _opened(data: bytes, plugin: str) -> Image.Image:
    """What `Image.open` does for one format, but that it keeps the reason of a refusal and has no limit of its own.

    Raises:
        _NotOpenedError: the decoder refuses the header.
    """
    factory, accept = Image.OPEN[plugin]
    file = io.BytesIO(data)
    verdict = accept(data[:16]) if accept else True
    if not verdict or isinstance(verdict, str):  # a text says what Pillow was built without
        raise _NotOpenedError(verdict or "", False)
    try:
        return factory(file, "")
    except (SyntaxError, IndexError, TypeError, struct.error) as error:
        cause = error.__cause__ or error
        ended = isinstance(cause, IndexError | EOFError | struct.error) and file.tell() >= len(data)
        text = f"its decoder does not know a kind {error}" if isinstance(cause, KeyError) else str(error)
        raise _NotOpenedError(text, ended) from None


def _with_format(data: bytes, announced: ImageFormat, attempt: _Attempt):
    """`open_image` of a format that is known; where its decoder refuses, without what the pixels do not need."""
    try:
        return attempt(data, announced.plugin)
    except ImageError:
        raise
    except Exception as error:  # as above
        reason = _unsupported(data, announced.plugin) or _reason(error, announced.name)
    with contextlib.suppress(Exception):  # the first reason is the one that counts
        clean = containers.without_metadata(data, announced.plugin)
        if announced.plugin != "JPEG" or not reason.startswith("truncated"):
            if clean != data:
                return attempt(clean, announced.plugin)
        elif containers.jpeg_is_complete(clean):
            # Only its end mark may be missing, and then what is put before a new one changes no pixel.
            ended = attempt(clean + containers.JPEG_END, announced.plugin)
            filled = attempt(clean + _NO_SCAN + containers.JPEG_END, announced.plugin)
            if np.array_equal(ended, filled):
                return ended
    raise ImageError(attempt.name, reason)


_NO_SCAN = b"\x5a\x0c\xa5\x93" * 32  # if a decoder still wants bytes of a scan, it makes a mess of these
_huge = threading.Lock()


@contextlib.contextmanager
def _pillows_limit(size: tuple[int, int], limits: ImageLimits) -> Iterator[None]:
    """Raises the limit of 179 megapixels at which some of Pillow's decoders fail; ours has been checked."""
    if Image.MAX_IMAGE_PIXELS is None or size[0] * size[1] <= 2 * Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _huge:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, -(-limits.max_pixels // 2)  # it fails at twice that
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_pixels(size: tuple[int, int], limits: ImageLimits, name: str) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        pixels = f"{width:,} x {height:,} pixels"
        raise ImageError(name, f"too large: {pixels}, the limit is {limits.max_pixels:,} pixels in all")


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.size == 0 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (3, 4)):
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = "; its channels come first, so give array.transpose(1, 2, 0)" if first else ""
        raise ImageError(
            name,
            f"an array has to have the shape (H, W), (H, W, 3) or (H, W, 4), but this one has {array.shape}{hint}",
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


def _pixels(image: Image.Image, spec: ImageSpec, data: bytes = b"") -> np.ndarray:
    if _is_read_in_strips(image, data, spec):
        rows, orientation = png_strips.PngStrips(data).rows, _orientation_of_png(data)
    else:
        rows, orientation = rgb_rows(image, data), _orientation(image)  # the first loads it
    size = (spec.height, spec.width) if orientation in _TURNS_SIDEWAYS else (spec.width, spec.height)
    image = _shrunk(rows, image.size, size)
    if orientation in _TURNS:  # after resizing, when it costs nothing
        image = image.transpose(_TURNS[orientation])
    return np.array(image, np.uint8)


_LARGE = 2**24  # pixels of which a second copy is no matter
_STRIP = 2**22


def _shrunk(rows: Callable[[int, int], Image.Image], size: tuple[int, int], wanted: tuple[int, int]) -> Image.Image:
    """An image at the size that is wanted; of a large one never more than a strip is held in another form.

    Args:
        rows: from row, to row -> these as RGB.
        size, wanted: widths and heights.
    """
    width, height = size
    across, down = _blocks(size, wanted)
    if across * down == 1:
        return rows(0, height).resize(wanted, _RESIZING)
    step = max(1, _STRIP // (width * down)) * down
    small = Image.new("RGB", (-(-width // across), -(-height // down)))
    for top in range(0, height, step):
        strip = rows(top, min(top + step, height))
        small.paste(Image.Image.reduce(strip, (across, down)), (0, top // down))  # plugins have others
    return small.resize(wanted, _RESIZING, box=(0, 0, width / across, height / down))


def _blocks(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Pixels across and down of whose means a large image is made before it is resized; (1, 1): it is not.

    At three times the size that is wanted they are no different to what resizing makes of them.
    """
    if size[0] * size[1] <= _LARGE:
        return 1, 1
    across, down = (max(1, have // (3 * want)) for have, want in zip(size, wanted, strict=True))
    return across, down


def _is_read_in_strips(image: Image.Image, data: bytes, spec: ImageSpec) -> bool:
    """Whether only a part of a PNG is in memory at a time."""
    if image.format != "PNG" or not png_strips.PngStrips.can_be_read(data):
        return False
    shapes = {(spec.width, spec.height), (spec.height, spec.width)}  # it may have to be turned
    return all(_blocks(image.size, shape) != (1, 1) for shape in shapes)


def _orientation(image: Image.Image) -> int:
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1  # its decoder has turned it, whatever the EXIF data still say
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF data: the picture itself may well be fine
        return 1


def _orientation_of_png(data: bytes) -> int:
    """`_orientation`, without the pixels, which Pillow decodes to find EXIF data behind them."""
    try:
        with _opened(png_strips.without_pixels(data), "PNG") as image:
            return _orientation(image)
    except _NotOpenedError:  # as above
        return 1


def _unsupported(data: bytes, plugin: str) -> str:
    """Why a decoder refuses a file that may be in order, as far as its header tells; or nothing."""
    with contextlib.suppress(struct.error, IndexError, ValueError):
        if plugin == "JPEG" and (frame := containers.jpeg_frame(data)):
            kind = {0xC3: "lossless", 0xCB: "lossless", 0xF7: "lossless (JPEG-LS)"}.get(frame.marker)
            kind = kind or ("hierarchical" if frame.marker not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) else "")
            if kind:
                return f"unsupported JPEG: it is {kind}; export it as an ordinary JPEG or as PNG"
            if frame.bits in (12, 16):
                return f"unsupported JPEG: {frame.bits} bits a value; export it with 8 bits, or as PNG"
            if len(frame.components) == 2:
                return "unsupported JPEG: 2 components; export it as RGB"
        if plugin == "PSD" and (bits := data[23]) in (16, 32):
            return f"unsupported PSD: {bits} bits a value; export it with 8 bits, or as PNG"
        if plugin == "TIFF":
            return _unsupported_tiff(containers.tiff_directory(data), data)
    return ""


_TIFF_FORMATS = {1: "unsigned", 2: "signed", 3: "floating-point", 4: "undefined", 5: "complex", 6: "complex"}
_TIFF_COLOURS = {
    0: "grey",
    1: "grey",
    2: "RGB",
    3: "palette",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELab",
    32803: "sensor data",
    32844: "LogL",
    32845: "LogLuv",
}


def _unsupported_tiff(directory: containers.TiffDirectory, data: bytes) -> str:
    tags = {tag: directory.numbers(data, tag) for tag in (258, 259, 262, 339)}
    bits, compression = tags[258] or (1,), (tags[259] or (1,))[0]
    kind, colours = (tags[339] or (1,))[0], (tags[262] or (1,))[0]
    if colours == 6 and compression == 1:  # Pillow reads four bytes a pixel where there are three or fewer
        return "unsupported TIFF: YCbCr without compression; export it as RGB, or as PNG"
    known = kind in _TIFF_FORMATS and colours in _TIFF_COLOURS and all(0 < each <= 64 for each in bits)
    ordinary = max(bits) <= 16 and kind == 1 and colours in (0, 1, 2, 3, 5, 6, 8) and compression < 10
    if not known or ordinary:
        return ""
    packed = "" if compression < 10 else f", compression {compression}"
    return (
        f"unsupported TIFF: {_TIFF_COLOURS[colours]} of {bits[0]}-bit {_TIFF_FORMATS[kind]} values{packed}; export it "
        "with 8 or 16 bits a value and without compression, or as PNG"
    )


_UNSUPPORTED = re.compile(
    "unsupported|not supported|not yet supported|unimplemented|unknown|cannot handle|does not know|unable to determine|"
    "not identified|cannot read this|no image data|not installed|not available",
    re.IGNORECASE,
)


def _reason(error: Exception, kind: str) -> str:
    if isinstance(error, MemoryError):
        return f"too large: this {kind} does not fit into memory"
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"too large: {text}"
    if "truncated" in text.lower() or isinstance(error, EOFError) or getattr(error, "ended", False):
        return f"truncated {kind}: the file ends before the picture does"
    if _UNSUPPORTED.search(text):
        return f"unsupported or damaged {kind}: {text}"
    if isinstance(error, _NotOpenedError):
        return f"damaged {kind}: its header cannot be read"
    # What other errors say is of use to those who know the decoder's code.
    return f"damaged {kind}: {text if isinstance(error, OSError | SyntaxError) else 'its content cannot be read'}"
