"""Images: every kind of good file gives the same picture, every kind of bad one a sentence."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.errors import UserError
from captioner.images.decode import (
    PREPROCESSING,
    ImageError,
    ImageLimits,
    ImageSpec,
    decode_image,
    load_image,
    normalise,
    read_bytes,
    sniff_image,
    upright_size,
)
from tests.support_images import BLUE, GREEN, READ, RED, YELLOW, picture, saved

SPEC = ImageSpec(height=16, width=24, preprocessing="raw")


def corners(pixels):
    height, width, _ = pixels.shape
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return np.array([pixels[row, column] for row in rows for column in columns], int)


def assert_upright(pixels, tolerance=12):
    assert pixels.shape == (16, 24, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(corners(pixels) - np.array([RED, GREEN, BLUE, YELLOW])).max() <= tolerance, corners(pixels)


def with_exif(orientation):
    """A JPEG stored turned, with the EXIF tag that says how; upright it is `picture()`."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = picture().transpose(undo) if undo is not None else picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(stored, format="JPEG", quality=95, exif=exif)


def animated(**options):
    others = [Image.new("RGB", (96, 64), "black")] * 2
    return saved(picture(), save_all=True, append_images=others, **options)


def interlaced_png(image):
    """An Adam7 PNG, which Pillow reads and does not write: seven passes over ever finer grids."""
    pixels, data = np.asarray(image), b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    for top, left, down, right in passes:
        for row in pixels[top::down, left::right]:
            data += b"\0" + row.tobytes()

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_header(width, height):
    """A PNG that only claims to have so many pixels."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    data = struct.pack(">I", 4) + b"IDAT" + b"\0" * 8
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content)) + data + end


def transparent(mode="RGBA"):
    """The picture on a fully transparent ground that is black underneath."""
    image = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
    image.paste(picture(), (0, 0))
    return image.convert(mode)


GOOD = {
    "jpeg": lambda: saved(picture(), format="JPEG", quality=95),
    "progressive jpeg": lambda: saved(picture(), format="JPEG", quality=95, progressive=True),
    "cmyk jpeg": lambda: saved(picture().convert("CMYK"), format="JPEG", quality=95),
    "png": lambda: saved(picture(), format="PNG"),
    "palette png": lambda: saved(picture().quantize(16), format="PNG"),
    "palette png with transparency": lambda: saved(picture().quantize(16), format="PNG", transparency=15),
    "alpha png": lambda: saved(transparent(), format="PNG"),
    "interlaced png": lambda: interlaced_png(picture()),
    "gif": lambda: saved(picture(), format="GIF"),
    "animated gif": lambda: animated(format="GIF"),
    "animated png": lambda: animated(format="PNG"),
    "animated webp": lambda: animated(format="WEBP", lossless=True),
    "webp": lambda: saved(picture(), format="WEBP", lossless=True),
    "tiff": lambda: saved(picture(), format="TIFF"),
    "compressed tiff": lambda: saved(picture(), format="TIFF", compression="tiff_lzw"),
    "tiff of several pages": lambda: animated(format="TIFF"),
    "cmyk tiff": lambda: saved(picture().convert("CMYK"), format="TIFF"),
    "bmp": lambda: saved(picture(), format="BMP"),
    "ppm": lambda: saved(picture(), format="PPM"),
    "multi-picture jpeg": lambda: animated(format="MPO", quality=95),
    **{f"jpeg of orientation {number}": lambda number=number: with_exif(number) for number in range(1, 9)},
}

STRANGE = {
    "empty": (b"", "empty file"),
    "text": (b"hello world, this is no image", "not an image"),
    "zeros": (bytes(5000), "nothing but zeros"),
    "a web page": (b"\n<!DOCTYPE html><html></html>", "web page"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "pdf": (b"%PDF-1.4 and so on", "PDF"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
    "a git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "a jpeg's first bytes": (b"\xff\xd8\xff\xe0", "damaged|truncated"),
    "a png's first bytes": (b"\x89PNG\r\n\x1a\n", "damaged|truncated"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_good_kind_gives_the_same_picture(kind, tmp_path):
    """Wrong if a format is turned, shows another frame, or loses its colours."""
    path = tmp_path / "photo with no extension"
    path.write_bytes(GOOD[kind]())
    assert_upright(decode_image(path, SPEC), tolerance=24 if "cmyk" in kind else 12)
    assert sniff_image(path)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_becomes_white(mode):
    """Wrong if the colour that happens to lie under transparent pixels, mostly black, gets seen."""
    image = Image.new("RGBA", (10, 10), (0, 0, 0, 0)).convert(mode)
    assert decode_image(image, SPEC).min() == 255


@pytest.mark.parametrize(("mode", "white"), [("I;16", 65535), ("I", 65535), ("F", 1.0), ("F", 255.0)])
def test_deep_images_keep_their_brightness(mode, white):
    """Wrong if the high byte is lost (noise), or values are clipped (all white)."""
    dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
    values = np.linspace(0, white, 24, dtype=np.float64).astype(dtype)
    image = Image.fromarray(np.tile(values, (16, 1)))
    assert image.mode == mode
    row = decode_image(saved(image, format="TIFF"), SPEC)[8, :, 0].astype(int)
    np.testing.assert_allclose(row, np.linspace(0, 255, 24), atol=1)


def test_a_16_bit_png_keeps_its_brightness():
    """Wrong if a dark scan is scaled by its own maximum: 16-bit files have a fixed white."""
    dark = Image.fromarray(np.full((8, 8), 20_000, np.uint16))
    assert np.unique(decode_image(saved(dark, format="PNG"), SPEC)).tolist() == [78]


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_extreme_shapes_are_stretched(size):
    """Wrong if a side is rounded to zero on the way."""
    pixels = decode_image(saved(Image.new("RGB", size, RED), format="PNG"), SPEC)
    assert pixels.shape == (16, 24, 3)
    assert (pixels == RED).all()


@pytest.mark.parametrize("kind", ["jpeg", "png", "jpeg of orientation 6"])
def test_a_photograph_is_the_same_from_everywhere(kind, tmp_path):
    """Wrong if a preset captions a photograph differently as file, bytes, Pillow image or array."""
    data = GOOD[kind]()
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    image = Image.open(path)
    expected = decode_image(path, SPEC)
    for source in (str(path), data, bytearray(data), memoryview(data), image):
        np.testing.assert_array_equal(decode_image(source, SPEC), expected)
    assert image.getpixel((0, 0)) is not None, "decoding closed the caller's image"
    if "orientation" not in kind:
        np.testing.assert_array_equal(decode_image(np.array(image), SPEC), expected)


def test_arrays_of_one_or_four_channels():
    grey = np.full((5, 7), 9, np.uint8)
    assert (decode_image(grey, SPEC) == 9).all()
    assert (decode_image(grey[..., None], SPEC) == 9).all()
    assert (decode_image(np.zeros((5, 7, 4), np.uint8), SPEC) == 255).all()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 3), complex), "holds numbers, but this one holds complex128"),
        (np.zeros((3, 4, 5), np.uint8), r"channels come first, so give array\.transpose\(1, 2, 0\)"),
        (np.zeros((4, 4, 2), np.uint8), r"this one has \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"this one has \(0, 4, 3\)"),
    ],
)
def test_arrays_that_are_no_images(array, words):
    with pytest.raises(ImageError, match=words):
        decode_image(array, SPEC)


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_image_is_said_in_plain_words(kind, tmp_path):
    """Wrong if the message is Pillow's, or does not name the file."""
    data, words = STRANGE[kind]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words) as caught:
        decode_image(path, SPEC)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UserError)


@pytest.mark.parametrize("kind", ["jpeg", "progressive jpeg", "png", "interlaced png", "gif", "webp", "tiff", "bmp"])
def test_a_truncated_file_is_refused(kind, tmp_path):
    """Wrong if half a picture, its rest grey, is captioned as if nothing was the matter."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    formats = {"progressive jpeg": "jpeg", "interlaced png": "png"}
    options = {"progressive": True} if kind == "progressive jpeg" else {}
    data = (
        interlaced_png(noise)
        if kind == "interlaced png"
        else saved(noise, format=formats.get(kind, kind).upper(), **options)
    )
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"cut\.jpg: (truncated|damaged)"):
        decode_image(path, SPEC)


@pytest.mark.parametrize("left", [300, -100])
def test_a_truncated_jpeg_is_called_so(left):
    """Wrong if the message depends on where the file happens to end."""
    with pytest.raises(ImageError, match=r"cut\.jpg: truncated JPEG: the file ends before the picture does"):
        decode_image(GOOD["jpeg"]()[:left], SPEC, name="cut.jpg")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    """Wrong if a file of 100 bytes makes the program ask for gigabytes, or if Pillow's own warning is printed."""
    with pytest.raises(ImageError, match="too large: 60,000 x 60,000 pixels, the limit is 200,000,000"):
        decode_image(png_header(60_000, 60_000), SPEC)
    with pytest.raises(ImageError, match="the limit is 5,000 pixels"):
        decode_image(GOOD["png"](), SPEC, ImageLimits(max_pixels=5000))
    path = tmp_path / "big.png"
    path.write_bytes(GOOD["png"]())
    for source in (path, path.read_bytes()):
        with pytest.raises(ImageError, match="bytes, the limit is 100 bytes"):
            decode_image(source, SPEC, ImageLimits(max_bytes=100))


def test_pillows_own_limit_is_left_as_it_was():
    """Wrong if a program that uses this library loses Pillow's protection elsewhere."""
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError):
        decode_image(b"no image", SPEC)
    assert before == Image.MAX_IMAGE_PIXELS


def test_nothing_is_printed():
    """Wrong if Pillow's warnings, which name no file, appear among the progress of ten thousand images."""
    script = (
        "import tests.captioner.images.test_decode as t\n"
        "from tests.support_images import tiff\n"
        "many = tiff(t.np.zeros((4, 4), 'u1'), {277: 2048})\n"
        "for data in (t.png_header(12_000, 12_000), many, t.GOOD['palette png with transparency']()):\n"
        "    try: t.decode_image(data, t.SPEC)\n"
        "    except t.ImageError: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_paths_that_are_no_files(tmp_path):
    """Wrong if a pipe makes the program wait for ever, or a vanished file ends it."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    for name, words in {
        "pipe.jpg": "not an ordinary file",
        "folder.jpg": "folder, not an image",
        "gone.jpg": "no such file",
        "circle.jpg": "could not be read",
        "zero\0byte.jpg": "could not be read",
    }.items():
        with pytest.raises(ImageError, match=words):
            read_bytes(tmp_path / name)
        with pytest.raises(ImageError, match=words):
            decode_image(tmp_path / name, SPEC)
        assert not sniff_image(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.jpg"
    path.write_bytes(GOOD["jpeg"]())
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(ImageError, match=r"secret\.jpg: this file may not be read"):
        decode_image(path, SPEC)


def test_big_jpegs_are_decoded_at_a_fraction_and_look_the_same():
    """Wrong if the shortcut, which makes 12 megapixels several times faster, is blurred, turned or shifted."""
    data = saved(picture(1600, 1200), format="JPEG", quality=95)
    quick = decode_image(data, SPEC)
    assert_upright(quick)
    slow = decode_image(np.array(Image.open(io.BytesIO(data))), SPEC)
    assert np.abs(quick.astype(int) - slow).max() <= 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_told_as_people_see_it(orientation, tmp_path):
    """Wrong if thumbnails of photographs taken upright are squeezed."""
    (tmp_path / "photo.jpg").write_bytes(with_exif(orientation))
    assert upright_size(with_exif(orientation)) == upright_size(tmp_path / "photo.jpg") == (96, 64)
    with pytest.raises(ImageError, match="not an image"):
        upright_size(b"hello")


def test_damaged_exif_does_not_lose_the_picture():
    """Wrong if a camera's odd metadata costs an image that is fine."""
    data = with_exif(6)
    start = data.index(b"Exif\0\0") + 6
    broken = data[:start] + b"\xff" * 8 + data[start + 8 :]
    assert decode_image(broken, SPEC).shape == (16, 24, 3)


@given(
    st.sampled_from([b"", *(make()[:40] for make in (*GOOD.values(), *READ.values()))]),
    st.binary(max_size=300),
)
def test_arbitrary_bytes_raise_only_image_errors(beginning, rest):
    """Wrong if a file on disk can end the program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert decode_image(beginning + rest, SPEC).shape == (16, 24, 3)
        except ImageError as error:
            assert error.reason and "\n" not in error.reason


@given(st.sampled_from([*GOOD, *READ]), st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_raises_only_image_errors(kind, place, change):
    """Wrong if damage in the middle of a real file can end the program."""
    data = bytearray({**GOOD, **READ}[kind]())
    data[place % len(data)] ^= change
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert decode_image(data, SPEC, ImageLimits(max_pixels=10**7)).shape == (16, 24, 3)
        except ImageError as error:
            assert error.reason and "\n" not in error.reason


def test_another_type_is_said():
    with pytest.raises(ImageError, match="received int 3"):
        decode_image(3, SPEC)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("raw", [255, 0, 51]),
        ("unit", [1, 0, 0.2]),
        ("tf", [1, -1, -0.6]),
        ("caffe", [51 - 103.939, -116.779, 255 - 123.68]),
        ("torch", [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]),
    ],
)
def test_normalise(name, expected):
    """Wrong if channels or ranges are mixed up: the network would see other colours than it was trained on."""
    pixels = np.array([[[255, 0, 51]]], np.uint8)
    result = normalise(pixels, ImageSpec(1, 1, name))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(load_image(pixels, ImageSpec(1, 1, name))[0, 0], expected, rtol=1e-5)


def test_the_spec_is_checked_and_survives_its_config():
    spec = ImageSpec(32, 48, "tf")
    assert ImageSpec(**spec.config()) == spec
    assert set(PREPROCESSING) == {"caffe", "tf", "torch", "unit", "raw"}
    with pytest.raises(ValueError, match=r"no preprocessing called 'coffee'.*Did you mean `caffe`"):
        ImageSpec(preprocessing="coffee")
    with pytest.raises(ValueError, match="at least one pixel"):
        ImageSpec(height=0)
