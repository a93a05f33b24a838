"""Values of more than 8 bits: the table of cases of the one rule, in the files in which people have them."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.images.decode import ImageSpec, decode_image
from captioner.images.depth import Meaning, black_and_white, to_8_bits
from tests.support_images import png, png_chunk, tiff

SPEC = ImageSpec(height=8, width=16, preprocessing="raw")


def ramp(first, last, dtype):
    """16 columns from one value to another."""
    return np.tile(np.linspace(first, last, 16).astype(dtype), (8, 1))


def grey_png(values, *chunks):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(values.shape[1], values.shape[0], 16, 0, data=rows, chunks=b"".join(chunks))


def bits(*numbers):
    return png_chunk(b"sBIT", bytes(numbers))


def of_12_bits(values, white_at=1):
    """A TIFF that packs two values into three bytes, highest bits first."""
    pairs = values.reshape(-1, 2).astype(int)
    first, second = pairs.T
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1).astype(np.uint8).tobytes()
    height, width = values.shape
    data = tiff(np.zeros((1, len(packed)), np.uint8), {256: width, 257: height, 258: 12, 262: white_at, 278: height})
    return data[:8] + packed + data[8 + len(packed) :]


OME = '<OME><Image><Pixels SignificantBits="12" Type="uint16"/></Image></OME>'
u2, i2, u4, i4, f4 = np.uint16, np.int16, np.uint32, np.int32, np.float32

# What it is: the file, and the shades of its first and last column.
TABLE = {
    # What the file says.
    "TIFF of 12 bits": (of_12_bits(ramp(0, 4095, u2)), 0, 255),
    "TIFF of 12 bits, dark": (of_12_bits(ramp(0, 1024, u2)), 0, 64),
    "SMaxSampleValue": (tiff(ramp(0, 1000, u2), {341: 2000}), 0, 128),
    "SMinSampleValue": (tiff(ramp(1000, 3000, u2), {340: 1000, 341: 3000}), 0, 255),
    "MaxSampleValue": (tiff(ramp(0, 1000, u2), {281: 4000}), 0, 64),
    "SMaxSampleValue of floats": (tiff(ramp(0, 0.5, f4), {341: 2.0}), 0, 64),
    "a maximum that is none": (tiff(ramp(0, 4000, u2), {341: 0}), 0, 249),
    "SignificantBits": (tiff(ramp(0, 200, u2), {270: OME}), 0, 12),
    "WhiteIsZero of 16 bits": (tiff(ramp(0, 65535, u2), {262: 0}), 255, 0),
    "WhiteIsZero of 16 bits, from the other end": (tiff(ramp(0, 65535, u2), {262: 0}, ">"), 255, 0),
    "WhiteIsZero of 12 bits": (of_12_bits(ramp(0, 4095, u2), 0), 255, 0),
    "WhiteIsZero of signed 16 bits": (tiff(ramp(-1000, 3000, i2), {262: 0}), 255, 0),
    "WhiteIsZero of 12 in 16 bits": (tiff(ramp(0, 4095, u2), {262: 0}), 255, 0),
    "WhiteIsZero of floats": (tiff(ramp(0, 1, f4), {262: 0}), 255, 0),
    "WhiteIsZero of 8 bits": (tiff(ramp(0, 255, np.uint8), {262: 0}), 255, 0),
    "missing value": (tiff(np.where(ramp(0, 1, f4) == 0, f4(-9999), ramp(0, 1, f4)), {42113: "-9999"}), 0, 255),
    "lowest float for none": (tiff(np.where(ramp(0, 1, f4) == 0, np.finfo(f4).min, ramp(0, 1, f4)), {}), 0, 255),
    "PGM of 12 bits, dark": (b"P5 16 8 4095\n" + ramp(0, 1024, ">u2").tobytes(), 0, 64),
    "PGM of 16 bits, dark": (b"P5 16 8 65535\n" + ramp(0, 4095, ">u2").tobytes(), 0, 16),
    "sBIT of 12, stored as they are": (grey_png(ramp(0, 1024, u2), bits(12)), 0, 64),
    "sBIT of 12, stored as the standard has it": (grey_png(ramp(0, 65520, u2), bits(12)), 0, 255),
    "sBIT of 16": (grey_png(ramp(0, 4095, u2), bits(16)), 0, 16),
    "transparent grey of 16 bits": (grey_png(ramp(0, 65535, u2), png_chunk(b"tRNS", b"\0\0")), 255, 255),
    # The range that is used.
    "16 bits": (grey_png(ramp(0, 65535, u2)), 0, 255),
    "16 bits, dark": (grey_png(ramp(0, 20_000, u2)), 0, 78),
    "14 in 16 bits": (grey_png(ramp(0, 16383, u2)), 0, 255),
    "12 in 16 bits": (tiff(ramp(0, 4095, u2), {}), 0, 255),
    "12 in 16 bits, from the other end": (tiff(ramp(0, 4095, u2), {}, ">"), 0, 255),
    "10 in 16 bits": (grey_png(ramp(0, 1023, u2)), 0, 255),
    "8 in 16 bits": (grey_png(ramp(0, 255, u2)), 0, 255),
    "256 in 16 bits": (grey_png(ramp(0, 256, u2)), 0, 255),
    "a mask of 16 bits": (grey_png(ramp(0, 1, u2)), 0, 255),
    "classes of 16 bits": (grey_png(ramp(0, 21, u2)), 0, 255),
    "signed 16 bits": (tiff(ramp(-1000, 3000, i2), {}), 0, 255),
    "32 bits": (tiff(ramp(0, 4095, i4), {}), 0, 255),
    "32 bits beyond 16": (tiff(ramp(0, 1_000_000, i4), {}), 0, 255),
    "unsigned 32 bits": (tiff(ramp(0, 4_000_000_000, u4), {}), 0, 255),
    "floats to 1": (tiff(ramp(0, 1, f4), {}), 0, 255),
    "floats to 1.001": (tiff(ramp(0, 1.001, f4), {}), 0, 255),
    "floats to 3.7": (tiff(ramp(0, 3.7, f4), {}), 0, 255),
    "floats to 255": (tiff(ramp(0, 255, f4), {}), 0, 255),
    "floats to 255.5": (tiff(ramp(0, 255.5, f4), {}), 0, 255),
    "floats to 65535": (tiff(ramp(0, 65535, f4), {}), 0, 255),
    "floats to 65536": (tiff(ramp(0, 65536, f4), {}), 0, 255),
    "floats to 0.5": (tiff(ramp(0, 0.5, f4), {}), 0, 128),
    "floats to 0.01": (tiff(ramp(0, 0.01, f4), {}), 0, 255),
    "floats from -1": (tiff(ramp(-1, 1, f4), {}), 0, 255),
    "floats from -0.01": (tiff(ramp(-0.01, 1, f4), {}), 0, 255),
    "floats below 0": (tiff(ramp(-3, -1, f4), {}), 0, 255),
    "infinities": (tiff(np.concatenate([np.full((8, 1), -np.inf), ramp(0, 1, f4)[:, 1:15], np.full((8, 1), np.inf)], 1)
                        .astype(f4), {}), 0, 255),
    "no numbers at all": (tiff(np.full((8, 16), np.nan, f4), {}), 0, 0),
    "nothing but zeros": (tiff(np.zeros((8, 16), f4), {}), 0, 0),
    "a Pillow image": (Image.fromarray(ramp(0, 4095, u2)), 0, 255),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_the_table(case):
    """Wrong if a picture becomes black, white or inverted, and nothing is said of it."""
    source, first, last = TABLE[case]
    pixels = decode_image(source, SPEC)
    shades = pixels[4, [0, 15], 0].astype(int)
    assert np.abs(shades - [first, last]).max() <= 1, shades
    assert (pixels == pixels[..., :1]).all()


def test_shades_between_are_even():
    """Wrong if only black and white are right."""
    for name in ("12 in 16 bits", "unsigned 32 bits", "floats from -1", "TIFF of 12 bits", "signed 16 bits"):
        row = decode_image(TABLE[name][0], SPEC)[4, :, 0]
        np.testing.assert_allclose(row, np.linspace(0, 255, 16), atol=1.5)


def colours(white, alpha=None):
    """Red, green, blue and grey columns of 16 bits, of which `white` is the lightest."""
    values = np.zeros((8, 16, 3 if alpha is None else 4), u2)
    for column, channel in ((0, 0), (4, 1), (8, 2)):
        values[:, column : column + 4, channel] = white
    values[:, 12:, :3] = white // 2
    if alpha is not None:
        values[..., 3] = alpha
    return values


def colour_png(values, *chunks):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(16, 8, 16, {3: 2, 4: 6}[values.shape[2]], data=rows, chunks=b"".join(chunks))


@pytest.mark.parametrize("white", [65535, 16383, 4095, 1023, 255])
@pytest.mark.parametrize("kind", ["png", "png with alpha", "tiff", "tiff of the other order", "tiff with alpha",
                                  "packed tiff"])  # fmt: skip
def test_colours_of_16_bits_follow_the_same_rule(kind, white):
    """Wrong if a camera's 12 bits become black because Pillow keeps the high byte of two."""
    values = colours(white, 65535 if "alpha" in kind else None)
    if "png" in kind:
        data = colour_png(values)
    elif kind == "packed tiff":
        data = packed(values)
    else:
        data = tiff(values, {338: 2} if "alpha" in kind else {}, ">" if "other" in kind else "<")
    pixels = decode_image(data, SPEC)[4, [1, 5, 9, 14]].astype(int)
    assert np.abs(pixels - [[255, 0, 0], [0, 255, 0], [0, 0, 255], [127, 127, 127]]).max() <= 2, pixels


def packed(values):
    """A TIFF whose pixels are compressed, so that libtiff reads them."""
    data = tiff(values, {259: 8})
    pixels = zlib.compress(values.tobytes())
    room = values.nbytes
    assert len(pixels) <= room
    return data[:8] + pixels.ljust(room, b"\0") + data[8 + room :]


def test_grey_with_alpha_of_16_bits_is_not_black():
    """Pillow has no way to the low bytes of these: each high one stands for its middle."""
    values = np.stack([ramp(0, 4095, u2), np.full((8, 16), 65535, u2)], -1)
    data = png(16, 8, 16, 4, data=b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))
    np.testing.assert_allclose(decode_image(data, SPEC)[4, :, 0], np.linspace(0, 255, 16), atol=10)


def test_what_a_file_says_holds_for_colours_too():
    dark = colour_png(colours(4095), bits(16, 16, 16))
    assert decode_image(dark, SPEC).max() == 16
    half = tiff(colours(2000), {341: [4000, 4000, 4000]})
    assert abs(int(decode_image(half, SPEC).max()) - 128) <= 1


def test_the_transparent_colour_of_16_bits_becomes_white():
    """Wrong if the key, which has 16 bits, is compared with 8."""
    for white in (65535, 4095):
        key = np.array([white, 0, 0], ">u2").tobytes()
        pixels = decode_image(colour_png(colours(white), png_chunk(b"tRNS", key)), SPEC)
        assert (pixels[4, 1] == 255).all() and pixels[4, 5].tolist() == [0, 255, 0]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_the_transparent_shade_of_few_bits_becomes_white(depth):
    """Wrong if the key of 2 or 4 bits is compared with 8: nothing, or something else, is transparent."""
    per_byte, most = 8 // depth, 2**depth - 1
    row = [0] * 8 + [most] * 8
    packed_row = bytes(
        sum(value << depth * (per_byte - 1 - index) for index, value in enumerate(row[start : start + per_byte]))
        for start in range(0, 16, per_byte)
    )
    data = png(16, 8, depth, 0, data=(b"\0" + packed_row) * 8, chunks=png_chunk(b"tRNS", bytes([0, 0])))
    assert decode_image(data, SPEC)[4, [0, 15], 0].tolist() == [255, 255]
    data = png(16, 8, depth, 0, data=(b"\0" + packed_row) * 8, chunks=png_chunk(b"tRNS", bytes([0, most])))
    assert decode_image(data, SPEC)[4, [0, 15], 0].tolist() == [0, 255]


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_no_range_becomes_black(least, spread):
    """Wrong if some maximum falls between two whites: the lightest pixel is never darker than a quarter."""
    most = least + spread
    black, white = black_and_white(least, most, Meaning())
    assert black < white
    shades = to_8_bits(np.array([least, most]), black, white)
    if most > 1e-3 and spread > 1e-3:
        assert shades[1] >= 63
    assert shades[0] <= shades[1]


@given(st.floats(1e-6, 1e9), st.floats(1, 1.04))
def test_a_little_more_changes_little(most, factor):
    """Wrong if a maximum just above a power of two makes a picture much darker than one just below."""
    one, other = (black_and_white(0, value, Meaning())[1] for value in (most, most * factor))
    assert other <= 4.3 * one
    assert most * factor / other >= 0.24
