"""How much memory decoding takes, and a budget that all threads of the process share.

Decoders need up to sixteen bytes a pixel, and a file of a few kilobytes may announce hundreds of millions of pixels. So
what an image will take is estimated from its header; an image whose share is not free waits for others to finish, and
one that would take more than its limits allow is refused before a pixel is decoded.
"""

import contextlib
import threading
from collections.abc import Iterator

from PIL import Image

from captioner.images.colours import has_16_bit_colours, raw_mode_of
from captioner.images.containers import jpeg_frame, jpeg_scans, jxl_size, tiff_directory
from captioner.images.files import DEFAULT_LIMITS, ImageLimits

BYTES_OF_A_PIXEL = 5  # of `ImageLimits.max_pixels` that one image may take

# Bytes a pixel besides the decoded image: frames that decoders keep, copies between them and Pillow. Measured.
_DECODERS = {"AVIF": 8, "GIF": 2, "HEIF": 12, "JPEG2000": 16, "WEBP": 12}
_FRAMES_OF_A_GIF = 11  # which Pillow lays over each other in colours
_JPEG_XL = 16  # with the decoded image
_IN_PLACE = ("packbits", "pcx", "raw", "sgi_rle", "sun_rle", "tga_rle", "zip")  # fill the image as they read
_OTHERS = 8
_ICONS = ("ICO", "CUR", "ICNS")
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}


def allowed_memory(limits: ImageLimits) -> int:
    """Bytes that decoding one image may take: more where more pixels are allowed, but never less than there are."""
    return BYTES_OF_A_PIXEL * max(limits.max_pixels, DEFAULT_LIMITS.max_pixels)


BUDGET = allowed_memory(DEFAULT_LIMITS)


def memory_to_open(data: bytes, plugin: str) -> int | None:
    """Bytes that opening an image takes, where that decodes it; None: opening takes nothing, see `memory_needed`.

    Args:
        data: the content of its file.
        plugin: Pillow's name of its format.
    """
    if plugin == "JXL":
        width, height = jxl_size(data) or (0, 0)
        return _JPEG_XL * width * height
    return BUDGET if plugin in _ICONS else None  # whose pictures have headers of their own: one at a time


def memory_needed(image: Image.Image, data: bytes, size: tuple[int, int]) -> int:
    """Bytes that decoding an image takes, about and at most.

    Args:
        image: as Pillow opened it, nothing decoded.
        data: the content of its file.
        size: at which it is decoded, `(width, height)`.
    """
    pixels, kind = size[0] * size[1], image.format or ""
    decoded = pixels * _BYTES_OF_MODE.get(image.mode, 4)
    if has_16_bit_colours(image.mode, raw_mode_of(image)):
        decoded *= 2
    if kind in ("JPEG", "MPO"):
        return decoded + _jpeg_coefficients(data)
    if kind == "TIFF":
        turned = image.getexif().get(0x0112, 1) != 1  # Pillow turns these itself, at their full size
        return decoded * (1 + turned) + _tiff_strip(data)
    if kind == "GIF" and getattr(image, "is_animated", False):
        return decoded + pixels * _FRAMES_OF_A_GIF
    codec = image.tile[0][0] if getattr(image, "tile", None) else ""
    return decoded + pixels * _DECODERS.get(kind, 0 if codec in _IN_PLACE else _OTHERS)


def _jpeg_coefficients(data: bytes) -> int:
    """What libjpeg keeps, two bytes each, where components come in several scans. Drafts are no smaller."""
    frame, scan = jpeg_frame(data), next(jpeg_scans(data), None)
    if frame is None or scan is None or (frame.marker in (0xC0, 0xC1, 0xC9) and len(scan[0]) == len(frame.components)):
        return 0
    blocks = sum(across * down for _, across, down in frame.components)
    largest = max(across for _, across, _ in frame.components) * max(down for _, _, down in frame.components)
    return 2 * frame.height * frame.width * blocks // max(largest, 1)


def _tiff_strip(data: bytes) -> int:
    """The buffer for one strip or tile of a compressed TIFF."""
    directory = tiff_directory(data)

    def number(tag: int, default: int) -> int:
        return (*directory.numbers(data, tag), default)[0]

    if number(259, 1) == 1:
        return 0
    width, height = number(256, 0), number(257, 0)
    pixels = number(322, 0) * number(323, 0) or width * min(number(278, height), height)
    bits = number(277, 1) * max(directory.numbers(data, 258), default=8)
    return pixels * (max(32, bits) if number(262, 1) == 6 else bits) // 8  # YCbCr comes as four bytes


class MemoryBudget:
    """Bytes that threads take and give back; who asks for more than there is waits.

    Args:
        total: bytes. Who asks for more gets all of them, and so is alone.
    """

    def __init__(self, total: int):
        self.total = self._free = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self, amount: int) -> Iterator[None]:
        """Takes `amount` bytes for the length of a `with` block. A thread that holds some must not ask for more."""
        amount = min(amount, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


decoding_memory = MemoryBudget(BUDGET)
