"""Metadata never costs a picture: damage beside the pixels changes nothing, and damage in them is still found."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from captioner.images import containers
from captioner.images.decode import ImageError, ImageSpec, decode_image, upright_size
from tests.support_images import READ, picture, png, png_chunk, saved, tiff, with_chunks

SPEC = ImageSpec(height=16, width=24, preprocessing="raw")
PNG = saved()
EXPECTED = decode_image(PNG, SPEC)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def wrong_checksum(chunk):
    return chunk[:-4] + bytes([chunk[-4] ^ 1]) + chunk[-3:]


def lossless_jpeg(width=8, height=8):
    """SOF3 with predictor 1, all differences 0: a grey picture of 128 (ISO/IEC 10918-1, annex H)."""
    table = segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
    frame = segment(0xC3, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    scan = segment(0xDA, b"\1\1\0\1\0\0")
    return b"\xff\xd8" + table + frame + scan + b"\0" * (width * height // 8) + b"\xff\xd9"


def of_12_bits(data):
    place = data.index(b"\xff\xc0") + 4
    return data[:place] + b"\x0c" + data[place + 1 :]


def exif_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(picture().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)


text = png_chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"text " * 600_000))
profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(3_000_000)))
GOOD = {
    "3 MB of compressed text": with_chunks(PNG, text),
    "3 MB of compressed text at the end": with_chunks(PNG, text, last=True),
    "80 MB of text in all": with_chunks(PNG, *[png_chunk(b"tEXt", b"a\0" + b"x" * 1_000_000)] * 80),
    "3 MB of a profile": with_chunks(PNG, profile),
    "international text of 3 MB": with_chunks(
        PNG, png_chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(b"x" * 3_000_000))
    ),
    "wrong checksum of a text": with_chunks(PNG, wrong_checksum(png_chunk(b"tEXt", b"a\0b"))),
    "wrong checksum of an unknown chunk": with_chunks(PNG, wrong_checksum(png_chunk(b"abCd", b"12"))),
    "text of an unknown compression": with_chunks(PNG, png_chunk(b"zTXt", b"a\0\7b")),
    **{
        f"short {kind.decode()}": with_chunks(PNG, png_chunk(kind, content))
        for kind, content in ((b"pHYs", b"12"), (b"gAMA", b"1"), (b"sRGB", b""), (b"cHRM", b"123"), (b"acTL", b"1"),
                              (b"tRNS", b"12"), (b"fcTL", b"12"), (b"iCCP", b"x"), (b"eXIf", b"II"), (b"sBIT", b""))
    },
    "wrong number of a frame": with_chunks(PNG, png_chunk(b"acTL", bytes([0, 0, 0, 2, 0, 0, 0, 0])),
                                           png_chunk(b"fcTL", bytes([9] * 26))),
    "png without its end": PNG[:-12],
    "jpeg without its last two bytes": READ["jpg"]()[:-2],
    "jpeg with zeros for an end": READ["jpg"]()[:-2] + bytes(500),
    "jpeg with a byte before the first": b"\n" + READ["jpg"](),
    "progressive jpeg without its last two bytes": saved(format="JPEG", quality=95, progressive=True)[:-2],
    "grown webp": READ["webp"]() + b"\0" * 7,
    "webp of a size too small": READ["webp"]()[:4] + struct.pack("<I", 20) + READ["webp"]()[8:],
    "webp of a size too large": READ["webp"]()[:4] + struct.pack("<I", 99_999) + READ["webp"]()[8:],
    "webp of size zero": READ["webp"]()[:4] + bytes(4) + READ["webp"]()[8:],
    "tiff whose EXIF directory is elsewhere": tiff(np.asarray(picture()), {34665: 99_999_999}),
    "tiff whose EXIF directory is a part of its pixels": tiff(np.asarray(picture()), {34665: 9}),
    "gif without its last byte": READ["gif"]()[:-1],
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_picture_is_read(kind):
    """Wrong if somebody's note, profile or end mark makes a picture unreadable."""
    pixels = decode_image(GOOD[kind], SPEC)
    assert np.abs(pixels.astype(int) - EXPECTED).max() <= (10 if "jpeg" in kind else 0)
    assert upright_size(GOOD[kind]) == (96, 64)


@given(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from([b"tEXt", b"pHYs", b"eXIf", b"iCCP", b"acTL"]))
def test_no_flipped_byte_in_an_ancillary_chunk_costs_the_picture(place, change, kind):
    chunk = bytearray(png_chunk(kind, b"Title\0" + bytes(20)))
    place = 8 + place % (len(chunk) - 8)  # not in its length or kind, which say where the next chunk is
    chunk[place] ^= change
    np.testing.assert_array_equal(decode_image(with_chunks(PNG, bytes(chunk)), SPEC), EXPECTED)


APPLICATION = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x0ctext of IPTC") + segment(
    0xE2, b"MPF\0II*\0\x08\0\0\0\2\0" + bytes(24)
)
JPEG = READ["jpg"]()
MARKED = JPEG[:2] + APPLICATION + segment(0xFE, b"a comment") + JPEG[2:]


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_flipped_byte_in_an_application_segment_costs_the_picture(place, change):
    data = bytearray(MARKED)
    contents = [
        index
        for marker, start, end in containers._jpeg_segments(MARKED)
        if marker in (0xED, 0xE2, 0xFE)
        for index in range(start + 4, end)
    ]
    data[contents[place % len(contents)]] ^= change
    np.testing.assert_array_equal(decode_image(bytes(data), SPEC), decode_image(JPEG, SPEC))


@pytest.mark.parametrize("content", [b"Adobe\0", b"Adobe", b"JFIF\0", b"JFIF\0\1", b"Exif\0\0", b"ICC_PROFILE\0"])
def test_application_segments_that_end_too_soon_cost_no_picture(content):
    marker = {b"A": 0xEE, b"J": 0xE0, b"E": 0xE1, b"I": 0xE2}[content[:1]]
    data = JPEG[:2] + segment(marker, content) + JPEG[2:]
    np.testing.assert_array_equal(decode_image(data, SPEC), decode_image(JPEG, SPEC))


def test_leaving_metadata_away_turns_no_picture():
    """Wrong if a repaired photograph lies on its side."""
    data = exif_turned()
    data = data[:2] + segment(0xE1, b"Exif of another kind") + data[2:-2]
    assert np.abs(decode_image(data, SPEC).astype(int) - EXPECTED).max() < 12
    turned = picture().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = with_chunks(saved(turned, exif=exif), wrong_checksum(png_chunk(b"tEXt", b"a\0b")))
    assert np.abs(decode_image(data, SPEC).astype(int) - EXPECTED).max() < 2
    hole = saved(picture().quantize(4), transparency=0)
    bad = with_chunks(hole, wrong_checksum(png_chunk(b"tEXt", b"a\0b")))
    np.testing.assert_array_equal(decode_image(bad, SPEC), decode_image(hole, SPEC))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 2}])
@pytest.mark.parametrize("missing", [0.02, 0.1, 0.5, 0.9])
def test_a_jpeg_that_lacks_more_than_its_end_is_truncated(options, missing):
    """Wrong if the grey that a decoder fills in is captioned as if it were in the picture."""
    data = saved(NOISE, "JPEG", **options)
    with pytest.raises(ImageError, match="truncated JPEG: the file ends before the picture does"):
        decode_image(data[: int(len(data) * (1 - missing))], SPEC)


def test_a_progressive_jpeg_that_lacks_its_last_scans_is_truncated():
    data = saved(NOISE, "JPEG", progressive=True)
    scans = [start for marker, start, _ in containers._jpeg_segments(data) if marker == 0xDA]
    assert containers.jpeg_is_complete(data) and not containers.jpeg_is_complete(data[: scans[-1]])
    with pytest.raises(ImageError, match="truncated JPEG"):
        decode_image(data[: scans[-1]], SPEC)


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_repairs_make_no_half_picture_whole(ending):
    data = saved(NOISE, {"png": "PNG", "webp": "WEBP", "tif": "TIFF"}[ending])
    for share in (0.5, 0.9):
        with pytest.raises(ImageError, match=r"truncated|damaged"):
            decode_image(data[: int(len(data) * share)], SPEC)
    if ending == "png":  # pixels of the others have no checksum
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 0xFF
        with pytest.raises(ImageError, match=r"truncated|damaged"):
            decode_image(bytes(flipped), SPEC)


def float64_tiff():
    return tiff(np.zeros((4, 4)), {})


def raw_tiff():
    return tiff(np.zeros((4, 4), np.uint16), {262: 32803})


UNSUPPORTED = {
    "12-bit jpeg": (of_12_bits(READ["jpg"]()), "unsupported JPEG: 12 bits a value"),
    "arithmetic lossless jpeg": (lossless_jpeg().replace(b"\xff\xc3", b"\xff\xcb"), "unsupported JPEG: it is lossless"),
    "hierarchical jpeg": (lossless_jpeg().replace(b"\xff\xc3", b"\xff\xc5"), "unsupported JPEG: it is hierarchical"),
    "jpeg-ls": (lossless_jpeg().replace(b"\xff\xc3", b"\xff\xf7"), "unsupported JPEG: it is lossless"),
    "float64 tiff": (float64_tiff(), "unsupported TIFF: grey of 64-bit floating-point values"),
    "float32 rgb tiff": (tiff(np.zeros((4, 4, 3), np.float32), {}), "unsupported TIFF: RGB of 32-bit floating-point"),
    "complex tiff": (tiff(np.zeros((4, 4)), {339: 6}), "unsupported TIFF: grey of 64-bit complex values"),
    "sensor tiff": (raw_tiff(), "unsupported TIFF: sensor data of 16-bit unsigned values"),
    "tiff of a rare compression": (tiff(np.zeros((4, 4), np.uint8), {259: 34887}), "compression 34887"),
    "psd of 16 bits": (READ["psd"]()[:23] + b"\x10" + READ["psd"]()[24:], "unsupported PSD: 16 bits a value"),
    "psd of 7 channels": (READ["psd"]()[:25] + b"\x63" + READ["psd"]()[26:], "unsupported or damaged PSD"),
    "xpm with names of colours": (READ["xpm"]().replace(b"#dc1e1e", b"tomato"), "unsupported or damaged XPM"),
    "bmp of a rare compression": (READ["bmp"]()[:30] + b"\7" + READ["bmp"]()[31:], "unsupported or damaged BMP"),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_kinds_without_a_decoder_are_called_unsupported(kind):
    content, words = UNSUPPORTED[kind]
    with pytest.raises(ImageError, match=words):
        decode_image(content, SPEC, name="a.xpm" if "xpm" in kind else "")


def test_a_lossless_jpeg_is_read_or_unsupported():
    """Some builds of libjpeg read them; none may call them damaged."""
    try:
        assert np.unique(decode_image(lossless_jpeg(), SPEC)).tolist() == [128]
    except ImageError as error:
        assert error.reason.startswith("unsupported JPEG: it is lossless")


def test_the_header_of_an_animated_png_is_not_believed():
    """Wrong if its first frame asks for gigabytes when it is opened, before anybody has looked at its size."""
    frame = struct.pack(">IIIIIHHBB", 0, 60_000, 60_000, 0, 0, 1, 10, 1, 0)
    chunks = png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", frame)
    for before in (b"", png_chunk(b"tEXt", b"IDAT\0IDAT")):
        with pytest.raises(ImageError, match="too large: 60,000 x 60,000 pixels"):
            decode_image(png(60_000, 60_000, chunks=before + chunks), SPEC)


def test_the_first_frame_of_an_animated_png_is_the_picture():
    data = saved(format="PNG", save_all=True, append_images=[NOISE], duration=100)
    assert containers.is_animated_png(data) and not containers.is_animated_png(PNG)
    np.testing.assert_array_equal(decode_image(data, SPEC), EXPECTED)


def test_a_tiff_that_points_again_and_again_to_the_same_bytes_is_read_without_them():
    """Wrong if a file of 3 MB makes its reader copy gigabytes of metadata."""
    data = bytearray(tiff(np.asarray(picture()), {}))
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    entries = data[start + 2 : start + 2 + 12 * count]
    many = b"".join(struct.pack("<HHII", 40_000 + n, 7, 3_000_000, 8) for n in range(2000))
    behind = data[start + 6 + 12 * count :]  # BitsPerSample and SampleFormat, whose places move
    shift = len(many)
    moved = b""
    for tag, kind, number, value in struct.iter_unpack("<HHII", bytes(entries)):
        moved += struct.pack("<HHII", tag, kind, number, value + shift if kind == 3 and number == 3 else value)
    directory = struct.pack("<H", count + 2000) + moved + many + bytes(4)
    data = bytes(data[:start]) + directory + bytes(behind) + bytes(3_000_000)
    assert containers.tiff_is_heavy(data)
    np.testing.assert_array_equal(decode_image(data, SPEC), EXPECTED)


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "PSD"]), st.booleans())
def test_arbitrary_bytes_come_back(data, plugin, real):
    """Wrong if what looks into a file first can end the program."""
    start = {"PNG": PNG, "JPEG": MARKED, "WEBP": READ["webp"](), "TIFF": READ["tif"](), "PSD": READ["psd"]()}[plugin]
    data = start[: len(data)] + data if real else data
    assert isinstance(containers.without_metadata(data, plugin), bytes)
    assert isinstance(containers.tiff_is_heavy(data), bool)
    assert isinstance(containers.is_animated_png(data), bool)
    assert containers.picture_start(data) >= 0


@pytest.mark.parametrize(
    ("size", "bits"),
    [
        ((64, 40), "1 00100 000 00111"),
        ((3, 5), "0 00 000000100 000 00 000000010"),
        ((8, 8), "1 00000 001"),
        ((160, 120), "1 01110 011"),
    ],
)
def test_the_size_of_a_jpeg_xl_codestream(size, bits):
    """Fields are read from the lowest bit on; each is written here with its own highest bit first."""
    fields = bits.split()
    number = sum(int(field, 2) << sum(map(len, fields[:index])) for index, field in enumerate(fields))
    assert containers.jxl_size(b"\xff\x0a" + number.to_bytes(8, "little")) == size


def test_psd_resources_and_layers_are_not_needed():
    data = READ["psd"]()
    broken = data[:30] + struct.pack(">I", 9) + b"8BIMxx\xff\xff\xff" + data[34:]
    np.testing.assert_array_equal(decode_image(broken, SPEC), EXPECTED)


def test_text_of_a_png_is_still_small_enough_for_pillow_itself():
    """These tests are about files beyond Pillow's own limits; if it lifts them, they test nothing."""
    assert PngImagePlugin.MAX_TEXT_CHUNK < 3_000_000
    with pytest.raises(ValueError, match="too large"):
        Image.open(io.BytesIO(GOOD["3 MB of compressed text"]))
