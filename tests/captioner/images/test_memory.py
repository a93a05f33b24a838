"""Memory: estimated from the header, shared by all threads, and never a multiple of what the picture needs."""

import io
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from captioner.images import decode, memory
from captioner.images.decode import ImageError, ImageLimits, ImageSpec, decode_image
from captioner.images.memory import MemoryBudget, memory_needed
from tests.support_images import READ, picture, saved, tiff

SPEC = ImageSpec(height=16, width=24, preprocessing="raw")
PIXELS = 96 * 64


def needed(data):
    with Image.open(io.BytesIO(data)) as image:
        return memory_needed(image, data, image.size)


@pytest.mark.parametrize(
    ("data", "bytes_a_pixel"),
    [
        (saved(), 4),
        (saved(picture().convert("L")), 1),
        (saved(Image.fromarray(np.zeros((64, 96), np.uint16))), 2),
        (READ["jpg"](), 4),
        (saved(format="JPEG", progressive=True, subsampling=0), 4 + 6),  # two bytes of each of three components
        (saved(format="JPEG", progressive=True, subsampling=2), 4 + 3),
        (READ["webp"](), 4 + 12),
        (tiff(np.zeros((64, 96, 3), np.uint8), {}), 4),
        (tiff(np.zeros((64, 96, 3), np.uint8), {274: 6}), 8),  # Pillow turns it at its full size
        (READ["gif"](), 1 + 2),
        (saved(format="GIF", save_all=True, append_images=[picture(96, 64).convert("L")]), 1 + 11),
        (tiff(np.zeros((64, 96, 3), np.uint16), {259: 8}), 2 * 4 + 6),  # all rows in one strip
        (tiff(np.zeros((64, 96, 3), np.uint16), {259: 8, 278: 8}), 2 * 4 + 6 / 8),
    ],
)
def test_what_an_image_takes(data, bytes_a_pixel):
    assert needed(data) == bytes_a_pixel * PIXELS


def test_icons_are_decoded_one_at_a_time():
    """The pictures in them have headers of their own, and some are decoded when the file is opened."""
    assert memory.memory_to_open(READ["ico"](), "ICO") == memory.BUDGET
    assert memory.memory_to_open(b"\xff\x0a" + bytes([0x09, 0x0E]) + bytes(9), "JXL") == 16 * 64 * 40
    assert memory.memory_to_open(READ["png"](), "PNG") is None


def test_the_budget_is_never_exceeded():
    """Wrong if eight threads together need eight times what one may."""
    budget, lock = MemoryBudget(100), threading.Lock()
    held = most = 0

    def work(amount):
        nonlocal held, most
        with budget.reserve(amount):
            with lock:
                held += amount
                most = max(most, held)
            time.sleep(0.001)
            with lock:
                held -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [10, 60, 35, 100, 5, 1, 90, 20] * 5))
    assert 0 < most <= 100 and held == 0


def test_who_asks_for_more_than_there_is_is_alone_and_gives_it_back():
    budget = MemoryBudget(100)
    with pytest.raises(ZeroDivisionError), budget.reserve(500):
        assert budget._free == 0
        raise ZeroDivisionError
    assert budget._free == 100


def test_images_wait_for_each_other(monkeypatch):
    """Wrong if a budget smaller than one image stops everything."""
    monkeypatch.setattr(decode, "decoding_memory", MemoryBudget(PIXELS))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: decode_image(READ["png"](), SPEC), range(50)))
    assert all((each == results[0]).all() for each in results)


def test_an_image_that_needs_more_than_its_limit_allows_is_refused():
    """Wrong if a WebP of 300 bytes takes gigabytes: its decoder keeps three more copies."""
    data = bytearray(saved(Image.new("RGB", (16, 16)), "WEBP"))
    start = data.index(b"\x9d\x01\x2a") + 3
    data[start : start + 4] = np.array([14_000, 7_000], "<u2").tobytes()
    with pytest.raises(ImageError, match=r"too large: decoding 14,000 x 7,000 pixels of WEBP takes 1\.6 GB"):
        decode_image(bytes(data), SPEC)
    with pytest.raises(ImageError, match=r"truncated|damaged"):  # a higher limit allows more
        decode_image(bytes(data), SPEC, ImageLimits(max_pixels=400_000_000))


@pytest.mark.parametrize("ending", ["tif", "gif", "png", "ico"])
def test_only_our_own_limit_counts(ending, monkeypatch):
    """Wrong if a TIFF of 179 to 200 megapixels is called damaged whatever limit is set."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # Pillow refuses more than twice that
    assert decode_image(READ[ending](), SPEC, ImageLimits(max_pixels=PIXELS)).shape == (16, 24, 3)
    assert Image.MAX_IMAGE_PIXELS == 2000
    with pytest.raises(ImageError, match="too large: 96 x 64 pixels, the limit is 6,143"):
        decode_image(READ[ending](), SPEC, ImageLimits(max_pixels=PIXELS - 1))


def images():
    noise = np.random.default_rng(0).integers(0, 256, (301, 203, 3), np.uint8)
    image = Image.fromarray(noise).resize((203, 301)).resize((20, 30)).resize((203, 301), Image.BICUBIC)
    yield from (image.convert(mode) for mode in ("RGB", "L", "CMYK", "RGBA", "LA", "YCbCr", "1"))
    yield image.quantize(8)
    yield Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 16)
    yield Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 200)


@pytest.mark.parametrize("number", range(10))
def test_large_images_are_shrunk_strip_by_strip_and_look_the_same(number, monkeypatch):
    """Wrong if a strip is lost, shifted or scaled by itself."""
    image = list(images())[number]
    whole = decode_image(image, SPEC).astype(int)
    monkeypatch.setattr(decode, "_LARGE", 1000)
    monkeypatch.setattr(decode, "_STRIP", 203 * 9)
    strips = decode_image(image, SPEC).astype(int)
    assert np.abs(strips - whole).max() <= (24 if image.mode in ("1", "P") else 10)
    assert np.abs(strips - whole).mean() <= 2


def test_a_large_jpeg_2000_is_decoded_at_a_fraction(monkeypatch):
    image = picture(960, 640)
    data = saved(image, "JPEG2000")
    fractions = []
    original = decode.memory_needed
    monkeypatch.setattr(decode, "memory_needed", lambda *a: fractions.append(a[2]) or original(*a))
    pixels = decode_image(data, SPEC).astype(int)
    assert fractions == [(120, 80)]
    assert np.abs(pixels - decode_image(image, SPEC)).max() <= 16


@pytest.mark.long
def test_the_peak_of_a_large_image(tmp_path):
    """Wrong if converting or resizing copies a picture of a hundred megapixels."""
    script = (
        "import resource, sys, zlib, struct\n"
        "from tests.support_images import png\n"
        "from captioner.images.decode import ImageSpec, decode_image\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "decode_image(data, ImageSpec(224, 224, 'raw'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    path = tmp_path / "large.png"
    Image.new("RGBA", (10_000, 5_000), (9, 99, 199, 128)).save(path, compress_level=1)
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 5.5 * 50e6
