"""Large PNG files strip by strip: Pillow would hold four bytes of each of their pixels, 800 MB of a large photograph.

A strip becomes a small PNG of its own. Rows are filtered by what stands above them, so that it begins with the last row
of the strip before, unfiltered, which is left away again (PNG specification, section 9).
"""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, PngImagePlugin

from captioner.images.colours import rgb_rows
from captioner.images.containers import png_chunks

MEMORY = 2**26  # bytes that decoding takes, at strips of some million pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a kind of colours
_OF_COLOURS = (b"PLTE", b"tRNS")
_READ = 2**16


class PngStrips:
    """The rows of a PNG of 8 bits a value that is not interlaced, from the top to the bottom.

    Args:
        data: the content of the file, see `can_be_read`.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._header = data[16:29]
        self._colours = b"".join(
            _chunk(kind, data[start : start + length])
            for kind, start, length in png_chunks(data)
            if kind in _OF_COLOURS
        )
        width, _, _, colours = struct.unpack(">IIBB", self._header[:10])
        self._row_bytes = 1 + width * _CHANNELS[colours]
        self._stream, self._buffer, self._above = self._unpacked(), bytearray(), b""

    @staticmethod
    def can_be_read(data: bytes) -> bool:
        """Whether a file begins as those that are read in strips do."""
        if len(data) < 33 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR":
            return False
        depth, colours, _, _, interlaced = data[24:29]
        return depth == 8 and colours in _CHANNELS and not interlaced

    def rows(self, top: int, bottom: int) -> Image.Image:
        """The next rows as RGB; those from 0 to `top` were taken before.

        Raises:
            OSError: the file is damaged, or ends before the rows do.
        """
        rows = (b"\0" + self._above if self._above else b"") + self._take((bottom - top) * self._row_bytes)
        height = bottom - top + bool(self._above)
        header = self._header[:4] + struct.pack(">I", height) + self._header[8:]
        strip = _chunk(b"IHDR", header) + self._colours + _chunk(b"IDAT", zlib.compress(rows, 0)) + _chunk(b"IEND")
        with PngImagePlugin.PngImageFile(io.BytesIO(_SIGNATURE + strip)) as image:
            part = rgb_rows(image)
            first = bool(self._above)
            self._above = image.crop((0, height - 1, image.width, height)).tobytes()
            return part(0, height).crop((0, int(first), image.width, height))

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            part = next(self._stream, None)
            if part is None:
                raise OSError("image file is truncated")
            self._buffer += part
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _unpacked(self) -> Iterator[bytes]:
        """The filtered rows, some at a time: a kilobyte can unpack to a megabyte."""
        unpacker, begun = zlib.decompressobj(), False
        try:
            for kind, start, length in png_chunks(self._data):
                if kind != b"IDAT":
                    if begun:
                        return
                    continue
                begun = True
                for begin in range(start, start + length, _READ):
                    packed = self._data[begin : min(begin + _READ, start + length)]
                    while packed:
                        yield unpacker.decompress(packed, 2**20)
                        packed = unpacker.unconsumed_tail
        except zlib.error:
            raise OSError("broken data stream when reading image file") from None


def without_pixels(data: bytes) -> bytes:
    """A PNG with a single pixel: Pillow decodes all of them where it looks for EXIF data."""
    header = struct.pack(">II", 1, 1) + data[24:29]
    others = b"".join(
        _chunk(kind, data[start : start + length])
        for kind, start, length in png_chunks(data)
        if kind not in (b"IHDR", b"IDAT", b"fdAT", b"IEND")
    )
    pixel = _chunk(b"IDAT", zlib.compress(bytes(9)))
    return _SIGNATURE + _chunk(b"IHDR", header) + others + pixel + _chunk(b"IEND")


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
