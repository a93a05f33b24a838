"""A folder that holds what real folders hold, and what strangers put into them: some hundred and fifty kinds of file.

Everything is made here, nothing is kept as a binary. `READABLE` are images that have to get a caption, `UNREADABLE`
files that look like images and have to be listed with a reason, `IGNORED` files that are no images and say so, `LITTER`
what other programs keep beside images.
"""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support_images import READ, REFUSED

SIZE = (48, 32)


def picture(mode="RGB", size=SIZE, number=0):
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def saved(image=None, format="PNG", **options):
    file = io.BytesIO()
    (image or picture()).save(file, format=format, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(format="JPEG", exif=exif)


def animated(format, **options):
    return saved(format=format, save_all=True, append_images=[picture(number=1), picture(number=2)], **options)


def chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth=8, colour=2, interlaced=0, data=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND")


def interlaced_png():
    pixels, data = np.asarray(picture()), b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    for top, left, down, right in passes:
        for row in pixels[top::down, left::right]:
            data += b"\0" + row.tobytes()
    return png(*SIZE, interlaced=1, data=data)


def deep_png():
    return saved(Image.fromarray(np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)))


def much_text():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("workflow", "text " * 400_000, zip=True)
    return info


def half(data):
    return data[: len(data) // 2]


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 40]) + data[middle + 40 :]


READABLE = {
    "plain.jpg": lambda: saved(format="JPEG"),
    "progressive.jpg": lambda: saved(format="JPEG", progressive=True),
    "cmyk.jpg": lambda: saved(picture("CMYK"), "JPEG"),
    "grey.jpg": lambda: saved(picture("L"), "JPEG"),
    "best quality.jpg": lambda: saved(format="JPEG", quality=100, subsampling=0),
    "worst quality.jpg": lambda: saved(format="JPEG", quality=1),
    "comment.jpg": lambda: saved(format="JPEG", comment=b"<script>" * 20),
    "rubbish behind the end.jpg": lambda: saved(format="JPEG") + b"\0" * 999,
    **{f"turned {number}.jpg": lambda number=number: turned(number) for number in range(2, 9)},
    "orientation of 77.jpg": lambda: turned(77),
    "several pictures.mpo": lambda: animated("MPO"),
    "plain.png": lambda: saved(),
    "palette.png": lambda: saved(picture().quantize(16)),
    "palette with a hole.png": lambda: saved(picture().quantize(16), transparency=3),
    "alpha.png": lambda: saved(picture("RGBA")),
    "grey alpha.png": lambda: saved(picture("LA")),
    "one bit.png": lambda: saved(picture("1")),
    "16 bits.png": deep_png,
    "interlaced.png": interlaced_png,
    "animated.png": lambda: animated("PNG"),
    "plain.gif": lambda: saved(format="GIF"),
    "animated.gif": lambda: animated("GIF"),
    "plain.webp": lambda: saved(format="WEBP"),
    "lossless.webp": lambda: saved(format="WEBP", lossless=True),
    "animated.webp": lambda: animated("WEBP"),
    "plain.tif": lambda: saved(format="TIFF"),
    "lzw.tiff": lambda: saved(format="TIFF", compression="tiff_lzw"),
    "pages.tiff": lambda: animated("TIFF"),
    "cmyk.tiff": lambda: saved(picture("CMYK"), "TIFF"),
    "numbers.tiff": lambda: saved(Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)), "TIFF"),
    "16 bits.tiff": lambda: saved(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 999), "TIFF"),
    "plain.bmp": lambda: saved(format="BMP"),
    "palette.bmp": lambda: saved(picture("P"), "BMP"),
    "plain.ppm": lambda: saved(format="PPM"),
    "grey.pgm": lambda: saved(picture("L"), "PPM"),
    "one pixel.png": lambda: saved(picture(size=(1, 1))),
    "1 x 20,000.png": lambda: saved(picture(size=(1, 20_000))),
    "20,000 x 1.png": lambda: saved(picture(size=(20_000, 1))),
    "without an extension": lambda: saved(),
    "wrong extension.txt": lambda: saved(format="JPEG"),
    "really a png.jpg": lambda: saved(),
    "UPPER CASE.JPG": lambda: saved(format="JPEG"),
    "two words, a comma.png": lambda: saved(),
    "a \"quote\" and 'another'.png": lambda: saved(),
    "line\nbreak.png": lambda: saved(),
    "tab\tand bell\a.png": lambda: saved(),
    "<script>alert(1)<\u2215script>.png": lambda: saved(),
    "=cmd|' !A0.png": lambda: saved(),
    "-rf.png": lambda: saved(),
    "犬とねこ.png": lambda: saved(),
    "Собака.png": lambda: saved(),
    "كلب.png": lambda: saved(),
    "🐕.png": lambda: saved(),
    "e\u0301 in two parts.png": lambda: saved(),
    "\u202egnp.txt.png": lambda: saved(),
    os.fsdecode(b"caf\xe9.png"): lambda: saved(),
    "x" * 250 + ".png": lambda: saved(),
    ".hidden.png": lambda: saved(),
    "nested/deeply/at/the/end/of/a/path.png": lambda: saved(),
    "a folder.jpg/inside.png": lambda: saved(),
    **{f"formats/photo.{ending}": make for ending, make in READ.items()},
    "formats/a camera's raw file.JPG.dng/really.dng": lambda: saved(format="JPEG"),
    "byte before.jpg": lambda: b"\n" + saved(format="JPEG"),
    "no end.jpg": lambda: saved(format="JPEG")[:-2],
    "much text.png": lambda: saved(pnginfo=much_text()),
}

UNREADABLE = {  # name -> content, what its reason says
    "empty.jpg": (lambda: b"", "empty file"),
    "text.png": (lambda: b"hello, this is no image", "not an image"),
    "zeros.png": (lambda: bytes(4000), "nothing but zeros"),
    "a page.jpg": (lambda: b"<!DOCTYPE html><html><script>alert(1)</script></html>", "web page"),
    "a drawing.png": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "a document.jpg": (lambda: b"%PDF-1.4 and so on", "PDF"),
    "postscript.jpg": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "telephone.jpg": (lambda: b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
    "pointer.png": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "begun.jpg": (lambda: b"\xff\xd8\xff\xe0", "damaged|truncated"),
    "half.jpg": (lambda: half(saved(format="JPEG")), "truncated|damaged"),
    "half progressive.jpg": (lambda: half(saved(format="JPEG", progressive=True)), "truncated|damaged"),
    "half.png": (lambda: half(saved()), "truncated|damaged"),
    "half.gif": (lambda: half(saved(format="GIF")), "truncated|damaged"),
    "half.webp": (lambda: half(saved(format="WEBP")), "truncated|damaged"),
    "half.tif": (lambda: half(saved(format="TIFF")), "truncated|damaged"),
    "half.bmp": (lambda: half(saved(format="BMP")), "truncated|damaged"),
    "flipped.png": (lambda: flipped(saved()), "truncated|damaged"),
    "a bomb.png": (lambda: png(60_000, 60_000), "too large: 60,000 x 60,000 pixels"),
    "no pixels.png": (lambda: png(0, 0), "damaged|truncated"),
    "no data.png": (lambda: png(*SIZE), "truncated|damaged"),
    "only a header.webp": (lambda: b"RIFF\x10\0\0\0WEBPVP8 ", "damaged|truncated"),
    "nested/half.jpg": (lambda: half(saved(format="JPEG")), "truncated|damaged"),
    "caption.bmp": (lambda: b"BMW parked in front of a house", "not an image but text"),
    **{  # with the extra installed, those that need it are opened, and are nothing but headers
        f"formats/{name}": (lambda content=content: content, words + "|damaged" * ("extra" in words))
        for name, (content, words) in REFUSED.items()
    },
}

IGNORED = {
    "notes.txt": lambda: b"no image, and it does not say that it were one",
    "table.csv": lambda: b"image,caption\n",
    "sound.wav": lambda: b"RIFF\x10\0\0\0WAVEfmt ",
    "archive.zip": lambda: b"PK\x03\x04",
    "empty": lambda: b"",
    "caption 1.txt": lambda: b"BMW parked in front of a house",
    "caption 2.txt": lambda: b"P2 is a key of this keyboard",
    "caption 3.txt": lambda: b"GIF89a is a format of images",
}

APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(60)
LITTER = {
    "._plain.jpg": lambda: APPLE_DOUBLE,
    "nested/._half.jpg": lambda: APPLE_DOUBLE,
    "__MACOSX/._plain.jpg": lambda: APPLE_DOUBLE,
    "@eaDir/plain.jpg/SYNOPHOTO_THUMB_M.jpg": lambda: saved(format="JPEG"),
    ".ipynb_checkpoints/plain-checkpoint.jpg": lambda: saved(format="JPEG"),
    ".Trash-1000/files/gone.png": lambda: saved(),
}
LITTER_LINE = (
    "Left out, as other programs keep it beside images: 1 x .Trash-1000/, 2 x ._*, 1 x .ipynb_checkpoints/, "
    "1 x @eaDir/, 1 x __MACOSX/."
)


def make_hostile_folder(root: Path) -> dict[str, str | None]:
    """Makes the folder; returns image -> None, or what the reason has to say, of all that a walk has to find."""
    unreadable = {name: content for name, (content, _) in UNREADABLE.items()}
    for name, content in {**READABLE, **unreadable, **IGNORED, **LITTER}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content())
    expected = {**dict.fromkeys(READABLE), **{name: reason for name, (_, reason) in UNREADABLE.items()}}
    (root / "empty folder").mkdir()
    (root / "link to a file.png").symlink_to("plain.png")
    (root / "link to nowhere.jpg").symlink_to("gone.jpg")
    (root / "circle.jpg").symlink_to("circle.jpg")
    (root / "circle").symlink_to(".", target_is_directory=True)
    (root / "nested" / "up").symlink_to("..", target_is_directory=True)
    os.mkfifo(root / "pipe.jpg")
    expected |= {
        "link to a file.png": None,
        "link to nowhere.jpg": "no such file",
        "circle.jpg": "could not be read",
        "pipe.jpg": "not an ordinary file",
    }
    return expected
