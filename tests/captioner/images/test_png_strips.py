"""Large PNG files are decoded strip by strip, to the same pixels as whole ones."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from captioner.images import decode
from captioner.images.colours import rgb_rows
from captioner.images.decode import ImageError, ImageSpec, decode_image, upright_size
from captioner.images.png_strips import PngStrips
from tests.support_hostile import png
from tests.support_images import saved

SPEC = ImageSpec(7, 9, "raw")


def photograph(width=97, height=150):
    """Smooth, so that encoders choose all filters, with an edge."""
    down, across = np.mgrid[:height, :width]
    values = np.stack([down * 1.5, across * 2, (down + across) % 256], axis=-1)
    values[height // 3, :] = 255
    return Image.fromarray((values % 256).astype(np.uint8))


def with_alpha(mode):
    image = photograph().convert(mode)
    image.putalpha(Image.fromarray(np.tile(np.arange(97, dtype=np.uint8) * 2, (150, 1))))
    return image


FILES = {
    "RGB": lambda: saved(photograph()),
    "L": lambda: saved(photograph().convert("L")),
    "RGBA": lambda: saved(with_alpha("RGB")),
    "LA": lambda: saved(with_alpha("L")),
    "P": lambda: saved(photograph().quantize(200)),
    "P with a hole": lambda: saved(photograph().quantize(200), transparency=3),
    "RGB with a transparent colour": lambda: saved(photograph(), transparency=(255, 255, 255)),
    "L with a transparent shade": lambda: saved(photograph().convert("L"), transparency=100),
    "one pixel wide": lambda: saved(photograph(1, 300)),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_strips_are_the_rows_of_the_whole(name, step):
    """Wrong if a filter reads a row that is not the one above it: a seam at each strip."""
    data = FILES[name]()
    assert PngStrips.can_be_read(data)
    with Image.open(io.BytesIO(data)) as image:
        height, whole = image.height, np.asarray(rgb_rows(image, data)(0, image.height))
    strips = PngStrips(data)
    parts = [np.asarray(strips.rows(top, min(top + step, height))) for top in range(0, height, step)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", FILES)
def test_a_large_file_has_the_pixels_that_it_had(name, orientation, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(FILES[name]())) as image:
        data = saved(image, exif=exif)
    monkeypatch.setattr(decode, "_LARGE", 100)
    monkeypatch.setattr(decode, "_STRIP", 1000)
    in_strips = decode_image(data, SPEC)
    monkeypatch.setattr(PngStrips, "can_be_read", lambda data: False)
    np.testing.assert_array_equal(in_strips, decode_image(data, SPEC))


@pytest.mark.parametrize(
    "data",
    [
        png(97, 150, interlaced=1), png(97, 150, depth=16), png(97, 150, depth=1, colour=0), png(97, 150, colour=5),
        saved(photograph(), "BMP"), b"\x89PNG\r\n\x1a\n", b"",
    ],
    ids=["interlaced", "16 bits", "1 bit", "no kind of colours", "another format", "only a head", "empty"],
)  # fmt: skip
def test_what_has_no_plain_rows_is_read_as_before(data):
    assert not PngStrips.can_be_read(data)


def damaged(data, position, value):
    return data[:position] + value + data[position + len(value) :]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(photograph())[:-400], "truncated PNG"),
        (png(97, 150), "truncated PNG"),
        (png(97, 150, data=b"\0" * 1000), "truncated PNG"),
        (png(97, 150, data=b"\7" * (150 * 292)), "damaged PNG"),
        (damaged(saved(photograph()), 60, b"\xff" * 30), "damaged PNG"),
    ],
    ids=["cut", "no rows", "few rows", "no filter", "no stream"],
)
def test_damage_is_a_sentence(data, reason, monkeypatch):
    monkeypatch.setattr(decode, "_LARGE", 100)
    with pytest.raises(ImageError, match=reason):
        decode_image(data, SPEC, name="a.png")


def test_what_is_packed_too_tightly_is_unpacked_in_parts():
    """A row of zeros takes a thousandth of its size; more rows than the header says are never unpacked."""
    strips = PngStrips(png(1000, 10, data=bytes(2**27)))
    assert strips.rows(0, 10).size == (1000, 10)
    assert len(strips._buffer) < 2**22


@pytest.mark.long
def test_two_hundred_megapixels_take_some_megabytes():
    """In a process of its own: the largest size that it ever had is asked for."""
    code = """
import resource, zlib
from tests.support_hostile import chunk
import struct
from captioner.images.decode import ImageSpec, decode_image
packer = zlib.compressobj(1)
packed = b"".join([*(packer.compress(bytes(60_001)) for _ in range(10_000)), packer.flush()])
head = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 2, 0, 0, 0)
data = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert decode_image(data, ImageSpec(224, 224)).max() == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000, "kilobytes"


@pytest.mark.parametrize("orientation", [None, 6])
def test_the_size_of_a_file_is_said_without_its_pixels(orientation):
    """Wrong if a header that promises three thousand megapixels is believed: Pillow decodes them to look for EXIF."""
    exif = Image.Exif()
    exif[0x0112] = orientation or 1
    data = saved(photograph(), exif=exif)
    start = data.index(b"IHDR")
    header = b"IHDR" + struct.pack(">II", 60_000, 50_000) + data[start + 12 : start + 17]
    data = data[:start] + header + struct.pack(">I", zlib.crc32(header)) + data[start + 21 :]
    assert upright_size(data) == ((50_000, 60_000) if orientation else (60_000, 50_000))
