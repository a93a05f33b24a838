"""Formats: every image is known by its name or its content and read, or refused with a true reason; no text is one."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.images import formats
from captioner.images.decode import ImageError, ImageSpec, decode_image, sniff_image, upright_size
from captioner.images.formats import (
    FORMATS,
    HEAD,
    IMAGE_EXTENSIONS,
    decodable_extensions,
    format_named,
    format_of,
    has_decoder,
    undecodable_reason,
)
from tests.support_images import (
    BLUE,
    COARSE,
    GREEN,
    GREY,
    READ,
    RED,
    REFUSED,
    UNNAMED,
    YELLOW,
    picture,
    saved,
)

SPEC = ImageSpec(height=16, width=24, preprocessing="raw")


def corners(pixels):
    return np.array([pixels[row, column] for row in (4, 12) for column in (6, 18)], int)


@pytest.fixture
def no_extras(monkeypatch):
    """As if no optional extra were installed."""
    monkeypatch.setattr(formats, "has_decoder", lambda each: bool(each.plugin) and not each.module)
    monkeypatch.setattr("captioner.images.decode.has_decoder", formats.has_decoder)


@pytest.mark.parametrize("ending", READ)
def test_what_pillow_reads_is_read(ending, tmp_path):
    """Wrong if a folder skips a format, or a format shows another picture than its neighbours."""
    path = tmp_path / f"photo.{ending}"
    path.write_bytes(READ[ending]())
    pixels = decode_image(path, SPEC)
    if ending in GREY:
        dark, light = corners(pixels)[[0, 2]], corners(pixels)[[1, 3]]
        assert dark.max() < light.min() - 20 and (pixels == pixels[..., :1]).all()
    else:
        assert np.abs(corners(pixels) - [RED, GREEN, BLUE, YELLOW]).max() <= COARSE.get(ending, 2), corners(pixels)
    width, height = upright_size(path)
    assert min(width, height) >= 32
    # Without a name it is the same picture, and a folder takes it for an image, but where only a name says what it is.
    np.testing.assert_array_equal(decode_image(path.read_bytes(), SPEC), pixels)
    assert sniff_image(path) == (ending not in (*UNNAMED, "dib"))


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_called_unsupported(name, tmp_path, no_extras):
    """Wrong if such a file is called damaged, which sends people to look for another copy of it."""
    content, words = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=words) as caught:
        decode_image(tmp_path / name, SPEC)
    assert "damaged" not in caught.value.reason
    assert tmp_path.joinpath(name).suffix.lower() in IMAGE_EXTENSIONS, "a folder would skip it"


def test_extensions_are_those_of_formats_and_unreadable_ones_are_not_decodable(no_extras):
    for ending in ("heic", "jxl", "jp2", "psd", "cr3", "dng", "svg", "ico", "tga", "pbm", "pfm", "dds", "icns", "pcx",
                   "qoi", "sgi"):  # fmt: skip
        assert f".{ending}" in IMAGE_EXTENSIONS
    assert {".tga", ".psd", ".jpg"} <= decodable_extensions()
    assert not {".heic", ".cr3", ".svg"} & decodable_extensions()
    assert not {".txt", ".csv", ".pdf", ".mp4", ".npy", ""} & IMAGE_EXTENSIONS


def test_every_format_that_pillow_opens_is_accounted_for():
    """Wrong if a new version of Pillow reads a format of which a folder knows nothing."""
    Image.init()
    without_name_or_signature = {"IMT", "IPTC", "MCIDAS", "PCD", "SPIDER", "MPO", "HEIF", "JXL"}
    known = {each.plugin for each in FORMATS} | formats._NOT_TRIED | without_name_or_signature
    assert set(Image.OPEN) <= known | {"DIB"}


TEXTS = ["BMW parked in front of a house", "P2 is a key of this keyboard", "GIF89a is a format of images",
         "P5 12 of 30 pages\nand 255 more", "RIFF of the WEBP sort", "icns and ico are icons", "qoif, a format",
         "8BPS", "BM", "P6", "II* of MM", "#define x 1", "SIMPLE  = yes", "FTEX", "LinS", "BLP1 begins", "gimp xcf 1",
         "FOVb FUJIFILMCCD-RAW", "MMOR IIRO", "<svg/> is a tag", "%!PS is a mark"]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_no_image(text, tmp_path):
    """Wrong if two letters at the beginning of a caption make an image of its file."""
    for written in (text, text + "\n" + "And so on. " * 200, "\ufeff" + text):
        (tmp_path / "caption.txt").write_text(written, "utf-8")
        assert not sniff_image(tmp_path / "caption.txt")


@given(st.text(max_size=200), st.sampled_from(["", *TEXTS]))
def test_no_text_at_all_is_an_image(text, beginning):
    data = (beginning + text).encode("utf-8", "ignore")
    found = format_of(data[:HEAD])
    assert found is None or found.text or not formats.is_text(data[:HEAD])


def test_text_under_the_name_of_an_image_is_called_text(tmp_path):
    for name in ("a.jpg", "a.bmp", "a.tga", "a.pgm", "a.dng", "a.heic"):
        (tmp_path / name).write_text("BMW parked in front of a house")
        with pytest.raises(ImageError, match="not an image but text"):
            decode_image(tmp_path / name, SPEC)


def test_content_counts_more_than_the_name(tmp_path):
    """Wrong if a photograph that a messenger renamed is refused for its name."""
    for name in ("a.heic", "a.dng", "a.svg", "a.tga", "a.txt", "a"):
        (tmp_path / name).write_bytes(READ["jpg"]())
        assert np.abs(corners(decode_image(tmp_path / name, SPEC)) - [RED, GREEN, BLUE, YELLOW]).max() < 8


def test_brands_tell_heic_from_avif():
    """HEIF's containers hold both; a major brand of `mif1` leaves it to the compatible ones."""
    box = b"\0\0\0\x1cftypmif1\0\0\0\0"
    assert format_of(box + b"mif1avif").name == "AVIF"
    assert format_of(box + b"mif1heic").name == "HEIC"
    assert format_of(b"\0\0\0\x1cftypisom\0\0\0\0isomavc1") is None


def test_reasons_are_true():
    """Wrong if a message says what nobody has looked at."""
    reason = undecodable_reason
    assert reason(b"\0" * 50, "a.tga") == "not an image: the file holds nothing but zeros"
    assert reason(bytes(range(200)), "a.jpg") == "not an image in a format that is known here"
    assert "camera raw" in reason(bytes(range(200)), "a.nef") and "its name says" in reason(bytes(range(200)), "a.nef")
    assert reason(b'<?xml version="1.0"?><kml/>', "a.png") == "not an image but an XML file"
    assert format_named("a.JPG").name == "JPEG" and format_named("a") is None


def test_heic_photographs_are_read_with_the_extra(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned to the left
    turned = picture().transpose(Image.Transpose.ROTATE_90)
    for name, image, options in (("a.heic", picture(), {}), ("b.heic", turned, {"exif": exif.tobytes()})):
        (tmp_path / name).write_bytes(saved(image, "HEIF", quality=90, **options))
        assert np.abs(corners(decode_image(tmp_path / name, SPEC)) - [RED, GREEN, BLUE, YELLOW]).max() < 24
        assert upright_size(tmp_path / name) == (96, 64)
    (tmp_path / "broken.heic").write_bytes(REFUSED["photo.HEIC"][0])
    with pytest.raises(ImageError, match="damaged HEIC"):
        decode_image(tmp_path / "broken.heic", SPEC)


def test_jpeg_xl_is_read_with_the_extra_and_not_turned_twice(tmp_path):
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = 6  # the format's decoder turns pictures itself; what EXIF data say has to be ignored
    data = saved(picture(), "JXL", lossless=True, exif=exif.tobytes())
    np.testing.assert_array_equal(corners(decode_image(data, SPEC, name="a.jxl")), [RED, GREEN, BLUE, YELLOW])


def test_decoders_of_extras_are_looked_for_once():
    heic = format_named("a.heic")
    assert has_decoder(heic) == has_decoder(heic) and has_decoder(format_named("a.jpg"))
    assert not has_decoder(format_named("a.svg"))


def test_a_picture_may_have_a_few_bytes_before_it():
    """Wrong if a line break that a script printed first makes a photograph unreadable."""
    for data in (READ["jpg"](), READ["png"](), READ["gif"](), READ["webp"]()):
        expected = decode_image(data, SPEC)
        for before in (b"\n", b"\0", b"\r\n\r\n", "\ufeff".encode(), b"x" * 60):
            np.testing.assert_array_equal(decode_image(before + data, SPEC, name="a.jpg"), expected)


def test_an_image_of_pillow_is_still_taken_as_it_is():
    image = Image.open(io.BytesIO(READ["tga"]()))
    np.testing.assert_array_equal(corners(decode_image(image, SPEC)), [RED, GREEN, BLUE, YELLOW])
