"""Image files of many formats, made in code: those that Pillow writes, those that it only reads, and broken ones."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 30), (30, 30, 210), (230, 220, 20)


def picture(width=96, height=64):
    """Four coloured quarters: red, green above blue, yellow; a turned or recoloured picture shows at once."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, YELLOW
    return Image.fromarray(pixels)


def saved(image=None, format="PNG", **options):
    file = io.BytesIO()
    (image or picture()).save(file, format=format, **options)
    return file.getvalue()


def png_chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth=8, colour=2, interlaced=0, data=b"", chunks=b""):
    """A PNG whose unfiltered rows are `data`, with further chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    rest = png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + chunks + rest


def with_chunks(data, *chunks, last=False):
    """A PNG with more chunks behind its header, or before its end."""
    place = len(data) - 12 if last else 33
    return data[:place] + b"".join(chunks) + data[place:]


def tiff(rows, tags, order="<"):
    """An uncompressed TIFF.

    Args:
        rows: array `(H, W)` or `(H, W, samples)` of the file's own type.
        tags: tag -> whole number, list of them, float or text; 256 to 279 have defaults.
    """
    pixels = np.ascontiguousarray(rows, rows.dtype.newbyteorder(order)).tobytes()
    samples = rows.shape[2] if rows.ndim == 3 else 1
    entries = {
        256: rows.shape[1], 257: rows.shape[0], 258: [8 * rows.dtype.itemsize] * samples, 259: 1,
        262: 2 if samples >= 3 else 1, 273: 8, 277: samples, 278: rows.shape[0], 279: len(pixels),
        339: [{"u": 1, "i": 2, "f": 3}[rows.dtype.kind]] * samples, **tags,
    }  # fmt: skip
    body, behind = b"", b""
    start = 8 + len(pixels)
    end = start + 2 + 12 * len(entries) + 4
    for tag, value in sorted(entries.items()):
        if isinstance(value, str):
            kind, content, count = 2, value.encode() + b"\0", len(value) + 1
        elif isinstance(value, float):
            kind, content, count = 12, struct.pack(f"{order}d", value), 1
        else:
            values = value if isinstance(value, list) else [value]
            kind, letter = (4, "I") if max(values) > 65535 or tag in (273, 279) else (3, "H")
            content, count = struct.pack(f"{order}{len(values)}{letter}", *values), len(values)
        if len(content) > 4:
            content, behind = struct.pack(f"{order}I", end + len(behind)), behind + content
        body += struct.pack(f"{order}HHI", tag, kind, count) + content.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    header = mark + struct.pack(f"{order}I", start)
    return header + pixels + struct.pack(f"{order}H", len(entries)) + body + bytes(4) + behind


def _psd(image):
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, image.height, image.width, 8, 3)
    return header + bytes(12) + b"\0\0" + b"".join(band.tobytes() for band in image.split())


def _sun(image):
    pixels = np.asarray(image)[..., ::-1].tobytes()
    return struct.pack(">8I", 0x59A66A95, image.width, image.height, 24, len(pixels), 1, 0, 0) + pixels


def _pixar(image):
    header = bytearray(1024)
    header[:4] = b"\x80\xe8\0\0"
    struct.pack_into("<HH4xHH", header, 416, image.height, image.width, 14, 2)
    return bytes(header) + image.tobytes()


def _fits(image):
    cards = {"SIMPLE": "T", "BITPIX": 8, "NAXIS": 2, "NAXIS1": image.width, "NAXIS2": image.height}
    text = "".join(f"{name:8}= {value:>20}".ljust(80) for name, value in cards.items()) + "END".ljust(80)
    pixels = np.asarray(image.convert("L"))[::-1].tobytes()
    return text.ljust(2880).encode() + pixels.ljust(-(-len(pixels) // 2880) * 2880, b"\0")


def _xpm(image):
    colours = {RED: "r", GREEN: "g", BLUE: "b", YELLOW: "y"}
    lines = [
        f"{image.width} {image.height} 4 1",
        *(f"{c} c #{r:02x}{g:02x}{b:02x}" for (r, g, b), c in colours.items()),
    ]
    lines += ["".join(colours[tuple(pixel)] for pixel in row) for row in np.asarray(image).tolist()]
    return ("/* XPM */\nstatic char *a[] = {\n" + ",\n".join(f'"{line}"' for line in lines) + "\n};\n").encode()


def _flc(image):
    image = image.quantize(4)
    palette = bytes(image.getpalette()).ljust(768, b"\0")[:768]
    colours = struct.pack("<IHHBB", 6 + 4 + 768, 4, 1, 0, 0) + palette
    pixels = struct.pack("<IH", 6 + image.width * image.height, 16) + image.tobytes()
    frame = struct.pack("<IHH8x", 16 + len(colours) + len(pixels), 0xF1FA, 2) + colours + pixels
    header = struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF12, 1, image.width, image.height, 8, 3, 70)
    return header.ljust(128, b"\0") + frame


def _cur(image):
    data = bytearray(saved(image.resize((48, 32), 0), "ICO", sizes=[(48, 32)], bitmap_format="bmp"))
    data[2] = 2
    return bytes(data)


def _gbr(image):
    return (
        struct.pack(">5I4sI", 30, 2, image.width, image.height, 4, b"GIMP", 9)
        + b"x\0"
        + image.convert("RGBA").tobytes()
    )


def _dcx(image):
    return struct.pack("<III", 0x3ADE68B1, 12, 0) + saved(image, "PCX")


def _ftex(image):
    pixels = image.tobytes()
    return b"FTEX" + struct.pack("<8i", 1, *image.size, 1, 1, 1, 32, len(pixels)) + pixels


def _xv(image):
    red, green, blue = (np.asarray(band).astype(int) for band in image.split())
    pixels = ((red >> 5) << 5) | ((green >> 5) << 2) | (blue >> 6)
    return b"P7 332\n#END_OF_COMMENTS\n%d %d 255\n" % image.size + pixels.astype(np.uint8).tobytes()


def _pfm(image):
    values = np.asarray(image.convert("L"))[::-1].astype("<f4") / 255
    return b"Pf\n%d %d\n-1.0\n" % image.size + values.tobytes()


def _plain_ppm(image):
    return b"P3\n# made\n%d %d\n255\n" % image.size + " ".join(map(str, image.tobytes())).encode()


def _avif(image):
    return saved(image, "AVIF", quality=90)


# Ending -> what makes such a file of `picture()`. Of those in GREY only the brightness is left.
READ = {
    "jpg": lambda: saved(format="JPEG", quality=95),
    "jfif": lambda: saved(format="JPEG", quality=95),
    "png": saved,
    "gif": lambda: saved(format="GIF"),
    "webp": lambda: saved(format="WEBP", lossless=True),
    "tif": lambda: saved(format="TIFF"),
    "bmp": lambda: saved(format="BMP"),
    "dib": lambda: saved(format="DIB"),
    "avif": lambda: _avif(picture()),
    "ppm": lambda: saved(format="PPM"),
    "pnm": lambda: _plain_ppm(picture()),
    "pgm": lambda: saved(picture().convert("L"), "PPM"),
    "pbm": lambda: saved(picture().convert("L").point(lambda v: 255 * (v > 100)).convert("1"), "PPM"),
    "pfm": lambda: _pfm(picture()),
    "ico": lambda: saved(format="ICO", sizes=[(96, 64)]),
    "cur": lambda: _cur(picture()),
    "icns": lambda: saved(picture(128, 128), "ICNS"),
    "jp2": lambda: saved(format="JPEG2000"),
    "j2k": lambda: saved(format="JPEG2000", no_jp2=True),
    "psd": lambda: _psd(picture()),
    "dds": lambda: saved(format="DDS"),
    "qoi": lambda: saved(format="QOI"),
    "sgi": lambda: saved(format="SGI"),
    "rgb": lambda: saved(format="SGI"),
    "bw": lambda: saved(picture().convert("L"), "SGI"),
    "ras": lambda: _sun(picture()),
    "fits": lambda: _fits(picture()),
    "flc": lambda: _flc(picture()),
    "dcx": lambda: _dcx(picture()),
    "pxr": lambda: _pixar(picture()),
    "blp": lambda: saved(picture().quantize(16), "BLP"),
    "tga": lambda: saved(format="TGA"),
    "pcx": lambda: saved(format="PCX"),
    "xbm": lambda: saved(picture().convert("L").point(lambda v: 255 * (v > 100)).convert("1"), "XBM"),
    "xpm": lambda: _xpm(picture()),
    "im": lambda: saved(format="IM"),
    "ftu": lambda: _ftex(picture()),
    "gbr": lambda: _gbr(picture()),
    "msp": lambda: saved(picture().convert("L").point(lambda v: 255 * (v > 100)).convert("1"), "MSP"),
    "p7": lambda: _xv(picture()),
}
GREY = ("pgm", "pbm", "pfm", "bw", "fits", "xbm", "msp")
COARSE = {"avif": 24, "jp2": 12, "j2k": 12, "p7": 48, "icns": 12}  # ending -> how far its colours may be off
UNNAMED = ("tga", "pcx", "xbm", "xpm", "im")  # whose content alone does not say that they are images

# Name -> content of a file that is an image and cannot be read, and what is said of it.
REFUSED = {
    "photo.HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400), "HEIC needs an extra.*captioner.formats"),
    "photo.heif": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(400), "HEIC needs an extra"),
    "photo.jxl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL needs an extra"),
    "photo of a few bytes.jxl": (b"\xff\x0a" + bytes(50), "JPEG XL needs an extra"),
    "raw.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(50), "unsupported.*camera raw"),
    "raw.cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(50), "unsupported.*camera raw"),
    "raw.dng": (saved(format="TIFF"), "unsupported.*camera raw"),
    "raw.nef": (bytes(range(256)), "unsupported.*camera raw"),
    "drawing.svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported.*SVG"),
    "drawing.svgz": (b"\x1f\x8b\x08\0" + bytes(range(128, 200)), "unsupported.*SVG"),
    "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported.*EPS"),
    "drawing.emf": (b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(50), "unsupported.*EMF"),
    "layers.xcf": (b"gimp xcf v011\0" + bytes(50), "unsupported.*XCF"),
    "light.exr": (b"\x76\x2f\x31\x01\2\0\0\0" + bytes(50), "unsupported.*OpenEXR"),
    "large.psb": (b"8BPS\0\2" + bytes(50), "unsupported.*PSB"),
    "wide.jxr": (b"II\xbc\1" + bytes(50), "unsupported.*JPEG XR"),
    "colours.pfm": (b"PF\n2 2\n-1.0\n" + bytes(48), "unsupported.*PFM"),
    "broadcast.tif": (saved(picture().convert("YCbCr"), format="TIFF"), "unsupported TIFF: YCbCr without compression"),
    "old.pict": (bytes(range(200)) * 4, "unsupported.*PICT"),
    "telephone.wbmp": (bytes(range(4)) * 30, "unsupported.*WBMP"),
    "film.dpx": (b"SDPX" + bytes(range(200)), "unsupported.*DPX"),
    "fax.jb2": (b"\x97JB2\r\n\x1a\n" + bytes(50), "unsupported.*JBIG2"),
    "texture.ktx2": (b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(50), "unsupported.*KTX"),
    "layers.kra": (b"PK\3\4" + bytes(50), "unsupported.*painting program"),
    "alpha.pam": (b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nENDHDR\n" + bytes(16), "unsupported.*PAM"),
}  # fmt: skip
