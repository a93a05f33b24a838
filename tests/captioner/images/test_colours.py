"""Colours and alpha: fourth bytes that nobody filled, and modes that only some formats have."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from captioner.images.decode import ImageSpec, decode_image
from tests.support_images import BLUE, GREEN, READ, RED, YELLOW, picture, saved, tiff

SPEC = ImageSpec(height=16, width=24, preprocessing="raw")


def corners(data, **options):
    pixels = decode_image(data, SPEC, **options)
    return [tuple(pixels[row, column].tolist()) for row in (4, 12) for column in (6, 18)]


def bmp_32(alpha):
    """A BMP with a fourth byte and a header that says where alpha is."""
    image = picture().convert("RGBA")
    image.putalpha(alpha)
    pixels = np.asarray(image)[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, 96, 64, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks + bytes(52)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 122) + header + pixels


def with_alpha(alpha, format, **options):
    image = picture().convert("RGBA")
    image.putalpha(alpha)
    return saved(image, format, **options)


UNUSED = {
    "bmp": bmp_32(0),
    "tga": with_alpha(0, "TGA"),
    "dds": with_alpha(0, "DDS"),
    "sgi": with_alpha(0, "SGI"),
    "tif": tiff(np.asarray(Image.merge("RGBA", (*picture().split(), Image.new("L", (96, 64))))), {}),
}


@pytest.mark.parametrize("ending", UNUSED)
def test_alpha_that_is_nowhere_is_unused(ending):
    """Wrong if a picture whose fourth byte nobody filled becomes white."""
    assert corners(UNUSED[ending], name=f"a.{ending}") == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_alpha_that_is_meant_makes_white(format):
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    assert corners(with_alpha(0, format, **options)) == [(255, 255, 255)] * 4


def test_alpha_that_is_used_counts_in_every_format():
    mask = Image.new("L", (96, 64), 255)
    mask.paste(0, (0, 0, 48, 32))
    image = picture().convert("RGBA")
    image.putalpha(mask)
    for data, name in ((bmp_32(mask), "a.bmp"), (saved(image, "TGA"), "a.tga"), (saved(image, "TIFF"), "a.tif")):
        assert corners(data, name=name) == [(255, 255, 255), GREEN, BLUE, YELLOW]


@pytest.mark.parametrize("mode", ["La", "RGBa", "LAB", "HSV", "YCbCr", "CMYK", "1", "P", "PA", "RGBX"])
def test_every_mode_of_pillow_becomes_rgb(mode):
    """Wrong if a mode that only some files have ends in a message of Pillow's."""
    through = {"La": "LA", "RGBa": "RGBA", "PA": "P", "LAB": "RGB"}
    image = picture()
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    else:
        image = image.convert(through.get(mode, mode)).convert(mode)
    pixels = np.array(corners(image))
    if mode in ("1", "La"):
        assert (pixels == pixels[:, :1]).all()
    else:
        assert np.abs(pixels - [RED, GREEN, BLUE, YELLOW]).max() < 30, pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_are_turned_once(orientation):
    """Wrong if Pillow, which turns them itself, and this program turn one after the other."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = picture() if orientation == 1 else picture().transpose(Image.Transpose(undo[orientation]))
    assert corners(tiff(np.asarray(stored), {274: orientation})) == [RED, GREEN, BLUE, YELLOW]
    assert corners(saved(stored, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})) == [
        RED,
        GREEN,
        BLUE,
        YELLOW,
    ]


def test_pictures_of_the_callers_are_not_changed():
    image = Image.open(io.BytesIO(READ["png"]()))
    image.info["transparency"] = RED
    before = dict(image.info)
    assert corners(image)[0] == (255, 255, 255)
    assert image.info == before and image.mode == "RGB"
