"""What stands around the pixels in the files of some formats: read without trust, or left away.

Decoders refuse a whole picture for a wrong checksum in a comment, and some ask for memory before anybody has seen how
large the picture is. So the parts are looked at here first, with as little as that needs: JPEG (ISO/IEC 10918-1
annex B), PNG (third edition, section 5), RIFF (WebP), TIFF 6.0 and BigTIFF, PSD, and the size in a JPEG XL codestream.
Every function takes arbitrary bytes and raises nothing but `struct.error`, `IndexError` or `ValueError`.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_END = b"\xff\xd9"
_LEADING = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
_MOST_LEADING = 64  # bytes before a picture: a line break, a byte order mark, the end of a header


def picture_start(data: bytes) -> int:
    """Where a picture begins that has a few bytes too many before it; 0: it begins at once, or nowhere.

    >>> picture_start(b"\\n\\xff\\xd8\\xff\\xe0")
    1
    """
    found = _LEADING.search(data, 0, _MOST_LEADING + 12)
    return found.start() if found else 0


def without_metadata(data: bytes, plugin: str) -> bytes:
    """The same picture without what is not needed for its pixels; `data` itself where nothing can be left away.

    Args:
        data: a file.
        plugin: Pillow's name of its format.
    """
    shorten = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp, "TIFF": _tiff, "PSD": _psd}.get(plugin)
    try:
        return shorten(data) if shorten else data
    except (struct.error, IndexError, ValueError):
        return data


# PNG

_PNG_KIND = re.compile(rb"\w{4}").fullmatch  # as Pillow takes it


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """`(kind, start of its content, length)` of the chunks, up to the end or to what is none."""
    position = len(PNG_START)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if not _PNG_KIND(kind):
            return
        yield kind, position + 8, length
        position += 12 + length


def png_significant_bits(data: bytes) -> int | None:
    """The bits that mattered in the source of a PNG, as its sBIT chunk says; None: it says nothing."""
    for kind, start, length in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind == b"sBIT" and length:
            return max(data[start : start + min(length, 3)], default=None)
    return None


def is_animated_png(data: bytes) -> bool:
    """Whether a PNG says before its first pixels that it has several frames."""
    for kind, _, _ in png_chunks(data):
        if kind in (b"acTL", b"IDAT"):
            return kind == b"acTL"
    return False


def _png(data: bytes) -> bytes:
    """Critical chunks, and those others that change the picture and are whole. Frames after the first go, too."""
    parts, colour = [PNG_START], None
    for kind, start, length in png_chunks(data):
        content = data[start : start + length]
        whole = data[start + length : start + length + 4] == struct.pack(">I", zlib.crc32(kind + content))
        if kind == b"IHDR":
            colour = content[9]
        # Of grey and of colours the length is known; what is shorter would be read as if it were not.
        fits = length >= {0: 2, 2: 6}.get(colour, 1)
        if kind[:1].isupper() or (whole and (kind == b"eXIf" or (kind == b"tRNS" and fits))):
            parts.append(data[start - 8 : start + length + 4])
    return b"".join(parts)


# JPEG


class JpegFrame(NamedTuple):
    """What the frame header says: its marker, bits a sample, size, and each component's id and sampling."""

    marker: int
    bits: int
    height: int
    width: int
    components: tuple[tuple[int, int, int], ...]  # id, horizontal and vertical sampling


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """`(marker, start, end)` of the marker segments with content, those between scans too."""
    position = 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        marker = data[position + 1]
        if marker in (0x00, 0xFF, 0x01) or 0xD0 <= marker <= 0xD9:  # without content; 0: a byte of a scan
            position += 1 if marker == 0xFF else 2
            continue
        end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
        yield marker, position, end
        position = end


_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA


def jpeg_frame(data: bytes) -> JpegFrame | None:
    """The frame header; None: there is none before the first scan."""
    for marker, start, end in _jpeg_segments(data):
        if marker in _FRAME_MARKERS:
            content = data[start + 4 : end]
            bits, height, width, count = struct.unpack_from(">BHHB", content)
            samples = struct.iter_unpack("BBB", content[6 : 6 + 3 * count])
            components = tuple((name, both >> 4, both & 15) for name, both, _ in samples)
            return JpegFrame(marker, bits, height, width, components)
        if marker == _SCAN:
            break
    return None


def jpeg_scans(data: bytes) -> Iterator[tuple[tuple[int, ...], int, int, int]]:
    """`(components, first coefficient, last coefficient, lowest bit that is still missing)` of each scan."""
    for marker, start, end in _jpeg_segments(data):
        if marker == _SCAN:
            content = data[start + 4 : end]
            count = content[0]
            first, last, approximation = content[1 + 2 * count : 4 + 2 * count]
            yield tuple(content[1 : 1 + 2 * count : 2]), first, last, approximation & 15


def jpeg_is_complete(data: bytes) -> bool:
    """Whether the scans, taken together, give every coefficient of every component to its last bit."""
    frame = jpeg_frame(data)
    if frame is None:
        return False
    given = set()
    for components, first, last, missing in jpeg_scans(data):
        if not missing:
            given.update((name, index) for name in components for index in range(first, last + 1))
    return all((name, index) in given for name, _, _ in frame.components for index in range(64))


def _jpeg(data: bytes) -> bytes:
    """Without application segments, but those that change colours (Adobe's, JFIF's) and turn the picture (EXIF).

    Segments that are shorter than what they have to hold change nothing: decoders pass them over.
    """
    parts, kept = [], 0
    for marker, start, end in _jpeg_segments(data):
        if marker == _SCAN:
            break
        begins = data[start + 4 : start + 10]
        whole = end - start - 4 >= 12
        needed = begins.startswith(b"Exif\0") or (begins.startswith((b"JFIF\0", b"Adobe")) and whole)
        if (0xE0 <= marker <= 0xEF and not needed) or marker == 0xFE:
            parts.append(data[kept:start])
            kept = end
    return b"".join([*parts, data[kept:]])


# WebP


def _webp(data: bytes) -> bytes:
    """The chunks of pixels, with the size that the file has; damaged ones stay damaged."""
    parts, position = [], 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2
        content = data[position:end]
        if kind == b"VP8X" and length >= 10:
            content = content[:8] + bytes([content[8] & 0x12]) + content[9:]  # flags: only alpha and animation
        if kind in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"):
            parts.append(content)
        position = end
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


# TIFF

_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
# Of a file's tags those that say where its pixels are, how they are coded and what their values mean.
_PICTURE_TAGS = frozenset(
    {254, 255, *range(256, 260), 262, 266, *range(273, 275), *range(277, 282), 284, 292, 293, 317, 320}
    | {*range(322, 326), 332, *range(338, 342), 347, *range(512, 522), *range(529, 533), 42113}
)
_LONG_TAGS = frozenset({273, 279, 320, 324, 325, 347})  # lists that grow with the picture
_MOST_OF_A_TAG, _MOST_ENTRIES = 2**16, 4096
_PHOTOMETRIC = 262
_DESCRIPTION = 270  # says, in microscopes' files, how many bits are significant


class TiffEntry(NamedTuple):
    tag: int
    type: int
    count: int
    content: int  # where its values are
    raw: bytes  # the entry itself

    @property
    def size(self) -> int:
        return self.count * _BYTES_OF_TYPE.get(self.type, 1)


class TiffDirectory(NamedTuple):
    """The directory of a TIFF's first picture, at `start` to `end` in its file; `order` and `offset` as in `struct`."""

    order: str
    offset: str
    start: int
    end: int
    entries: tuple[TiffEntry, ...]

    def numbers(self, data: bytes, tag: int) -> tuple[int, ...]:
        """The whole numbers of a tag, at most 16; none if it is not there."""
        for each in self.entries:
            if each.tag == tag and each.type in _INTEGERS:
                count = min(each.count, 16)
                return struct.unpack_from(f"{self.order}{count}{_INTEGERS[each.type]}", data, each.content)
        return ()


def tiff_directory(data: bytes) -> TiffDirectory:
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    offset, counted = ("Q", "Q") if big else ("I", "H")
    (start,) = struct.unpack_from(order + offset, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + counted, data, start)
    position, length = start + struct.calcsize(counted), 20 if big else 12
    entries = []
    for _ in range(min(count, _MOST_ENTRIES)):
        tag, kind, number = struct.unpack_from(f"{order}HH{offset}", data, position)
        inline = position + (12 if big else 8)
        fits = number * _BYTES_OF_TYPE.get(kind, 1) <= (8 if big else 4)
        content = inline if fits else struct.unpack_from(order + offset, data, inline)[0]
        entries.append(TiffEntry(tag, kind, number, content, data[position : position + length]))
        position += length
    return TiffDirectory(order, offset, start, position + struct.calcsize("=" + offset), tuple(entries))


def tiff_is_heavy(data: bytes) -> bool:
    """Whether a TIFF's first directory holds or points to more than a decoder should read for the pixels."""
    try:
        entries = tiff_directory(data).entries
    except (struct.error, IndexError, ValueError):
        return False
    pointers = {330, 34665, 34853, 34377, 40965, 50341}  # to more directories, and to Photoshop's own
    too_long = len(entries) >= _MOST_ENTRIES or sum(map(_excess, entries)) > _MOST_OF_A_TAG
    return too_long or any(each.tag in pointers for each in entries)


def _excess(entry: TiffEntry) -> int:
    return 0 if entry.tag in _LONG_TAGS else entry.size


def _tiff(data: bytes) -> bytes:
    """The tags that the pixels need, and no further pictures: the file keeps its length."""
    directory = tiff_directory(data)
    kept = [
        each
        for each in directory.entries
        if each.tag in _LONG_TAGS or (each.tag in {*_PICTURE_TAGS, _DESCRIPTION} and each.size <= _MOST_OF_A_TAG)
    ]
    counted = "Q" if directory.offset == "Q" else "H"
    written = struct.pack(directory.order + counted, len(kept)) + b"".join(each.raw for each in kept)
    room = directory.end - directory.start
    return data[: directory.start] + written.ljust(room, b"\0")[:room] + data[directory.end :]


def with_black_for_0(data: bytes) -> bytes:
    """A TIFF of more than 8 bits that says that 0 is black, whatever it said; any other file as it is."""
    try:
        directory = tiff_directory(data)
        if not is_white_for_0(data) or max(directory.numbers(data, 258), default=1) <= 8:
            return data
        place = next(each.content for each in directory.entries if each.tag == _PHOTOMETRIC)
    except (struct.error, IndexError, ValueError):
        return data
    return data[:place] + struct.pack(f"{directory.order}H", 1) + data[place + 2 :]


def is_white_for_0(data: bytes) -> bool:
    """Whether a TIFF says that 0 is white."""
    try:
        return tiff_directory(data).numbers(data, _PHOTOMETRIC) == (0,)
    except (struct.error, IndexError, ValueError):
        return False


# PSD


def _psd(data: bytes) -> bytes:
    """The header and the picture that all layers make together, without resources and layers."""
    position, sections = 26, []
    for _ in range(3):  # of colours, resources, layers
        (length,) = struct.unpack_from(">I", data, position)
        sections.append((position, position + 4 + length))
        position += 4 + length
    colours = data[: sections[0][1]]
    return colours + bytes(8) + data[position:]


# JPEG 2000


def jpeg2000_levels(data: bytes) -> int:
    """How often a JPEG 2000 picture can be halved while it is decoded (ISO/IEC 15444-1, COD)."""
    position = data.find(b"\xff\x4f\xff\x51") + 2
    while position > 1:
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == 0xFF52:
            return data[position + 9]
        if marker == 0xFF90:  # the first tile
            break
        position += 2 + length
    return 0


# JPEG XL


def jxl_size(data: bytes) -> tuple[int, int] | None:
    """`(width, height)` that a JPEG XL codestream announces (ISO/IEC 18181-1, SizeHeader); None: there is none."""
    start = data.find(b"\xff\x0a", 0, 4096) if data[:2] != b"\xff\x0a" else 0
    if start < 0:
        return None
    bits = int.from_bytes(data[start + 2 : start + 18].ljust(16, b"\0"), "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def side() -> int:
        return (take(5) + 1) * 8 if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    over, under = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio]
    return (height * over // under if ratio else side()), height
