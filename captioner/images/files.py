"""Image files: reading them within limits, and recognising formats by their first bytes."""

import dataclasses
import os
import stat
from pathlib import Path

from captioner.errors import UserError, address_hint

_ENDINGS = "avif bmp dib gif jfif jpe jpeg jpg mpo pgm png ppm tif tiff webp"
IMAGE_EXTENSIONS = frozenset(f".{ending}" for ending in _ENDINGS.split())

# First bytes -> format.
_IMAGES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",  # little-endian, big-endian, and the same of more than 4 GB
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"P2": "PGM",  # as text, and below as bytes
    b"P3": "PPM",
    b"P5": "PGM",
    b"P6": "PPM",
}
_HEIC = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_OTHERS = (
    (b"<svg", "an SVG drawing, which has no pixels; export it as PNG"),
    (b"<?xml", "an XML file; an SVG drawing has to be exported as PNG"),
    (b"<!doctype html", "a web page saved under an image's name; download the image itself"),
    (b"<html", "a web page saved under an image's name; download the image itself"),
    (b"%pdf", "a PDF document; export its pages as PNG"),
    (b"%!ps", "a PostScript file; export it as PNG"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
)


class ImageError(UserError):
    """An image that cannot be used; the message is its name and the reason.

    Attributes:
        reason: why, without the name, as in "truncated JPEG: the file ends before the picture does".
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class ImageLimits:
    """Limits beyond which an image is refused: a file of 40 kB can hold 10 GB of pixels."""

    max_bytes: int = 256 * 2**20
    max_pixels: int = 200_000_000  # the largest telephone cameras make 200 megapixels


DEFAULT_LIMITS = ImageLimits()


def read_bytes(path: str | os.PathLike, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """The content of an image file.

    Raises:
        ImageError: it is not there, not an ordinary file, not allowed, or larger than `limits.max_bytes`.
    """
    name = os.fspath(path)
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(name, "this is a folder, not an image")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe could wait for ever
            raise ImageError(name, "this is not an ordinary file")
        check_bytes(status.st_size, name, limits)
        return Path(path).read_bytes()
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(name, f"there is no such file{address_hint(name)}") from None
    except PermissionError:
        raise ImageError(name, "this file may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = getattr(error, "strerror", None) or error
        raise ImageError(name, f"this file could not be read ({why})") from None


def check_bytes(size: int, name: str, limits: ImageLimits) -> None:
    """Refuses what is empty or larger than `limits.max_bytes`."""
    if not size:
        raise ImageError(name, "empty file")
    if size > limits.max_bytes:
        raise ImageError(name, f"too large: {size:,} bytes, the limit is {limits.max_bytes:,} bytes")


def sniff_image(path: str | os.PathLike) -> bool:
    """Whether a file begins as an image does, whatever its name is. False if it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return bool(format_of(file.read(16)))
    except (OSError, ValueError):
        return False


def format_of(head: bytes) -> str:
    """The format that a file's first 16 bytes announce, or nothing if it is none that can be decoded.

    >>> format_of(b"GIF89a"), format_of(b"RIFF1234WEBP"), format_of(b"RIFF1234WAVE")
    ('GIF', 'WebP', '')
    """
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else ""
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:12] in (b"avif", b"avis") else ""
    return next((name for beginning, name in _IMAGES.items() if head.startswith(beginning)), "")


def undecodable_reason(data: bytes) -> str:
    """Why no decoder recognises a file, and what to do about it.

    >>> undecodable_reason(b"%PDF-1.7 ...")
    'not an image but a PDF document; export its pages as PNG'
    """
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        return "a HEIC photograph, which cannot be read here; export it as JPEG"
    head = data[:64].lstrip().lower()
    for beginning, explanation in _OTHERS:
        if head.startswith(beginning):
            return f"not an image but {explanation}"
    if announced := format_of(data[:16]):
        return f"damaged {announced}: its header cannot be read"
    if not data.strip(b"\0"):
        return "not an image: the file holds nothing but zeros"
    return "not an image (JPEG, PNG, GIF, WebP, TIFF, BMP, PPM and AVIF are understood)"
