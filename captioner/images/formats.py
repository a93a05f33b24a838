"""The formats of image files: how a file's name and its content announce one, and why some cannot be read.

    name and first bytes ──format_of, format_named──▶ ImageFormat ──has_decoder──▶ Pillow's plugin, or a reason

A format is known by its signature, wherever it has one: names lie. Signatures are so narrow that no text has one by
chance ("BMW parked" is no BMP); formats that are texts themselves, or have no signature, are known by their names.
"""

import functools
import importlib
import os
import re
from dataclasses import dataclass

from PIL import Image

HEAD = 1024  # bytes of a file that signatures look at


@dataclass(frozen=True)
class ImageFormat:
    """A format of image files.

    Attributes:
        name: as people call it.
        plugin: Pillow's name of its decoder; empty: there is none.
        endings: of the names of its files.
        signature: what the first bytes of a file match; None: only names announce it.
        by_content: whether the signature alone makes an image of a file whose name says nothing.
        text: whether its files may look like text; what looks so is of no other format.
        reason: why it cannot be read, and what to do about it, where there is no decoder.
        module: a package that brings the decoder: an optional extra.
    """

    name: str
    plugin: str
    endings: tuple[str, ...]
    signature: re.Pattern[bytes] | None = None
    by_content: bool = True
    text: bool = False
    reason: str = ""
    module: str = ""


def _read(name: str, plugin: str, endings: str, signature: bytes = b"", **more) -> ImageFormat:
    pattern = re.compile(signature, re.DOTALL) if signature else None
    return ImageFormat(name, plugin, tuple(endings.split()), pattern, **more)


def _refused(name: str, endings: str, signature: bytes = b"", what="", advice="export it as JPEG or PNG", **more):
    return _read(name, "", endings, signature, reason=f"unsupported format: {what or name}; {advice}", **more)


def _extra(name: str, plugin: str, endings: str, signature: bytes, module: str, **more) -> ImageFormat:
    reason = f"{name} needs an extra to be read: pip install 'captioner[formats]', or export the image as JPEG"
    return _read(name, plugin, endings, signature, reason=reason, module=module, **more)


_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"  # of Netpbm's headers, with comments
_NUMBERS = rb"\d{1,9}" + _SPACE + rb"\d{1,9}"
_RAW_ENDINGS = (
    "3fr arw cr2 cr3 crw dcr dng erf gpr iiq kdc mef mos mrw nef nrw orf pef raf rw2 rwl sr2 srf srw x3f"  # codespell
)
_RAW_SIGNATURE = rb"II\*\0.{4}CR|....ftypcrx |II\x1a\0.{2}HEAPCCDR|FUJIFILMCCD-RAW|II(?:RO|RS)|MMOR|IIU\0|\0MRM|FOVb"
_DRAWING = "a drawing, which has no pixels"

CAMERA_RAW = _refused("camera raw", _RAW_ENDINGS, _RAW_SIGNATURE, "a camera raw file")
SVG = _refused("SVG", "svg svgz", what=f"SVG, {_DRAWING}", advice="export it as PNG")

# The first whose signature fits counts.
FORMATS = (
    _read("JPEG", "JPEG", "jpg jpeg jpe jfif mpo", rb"\xff\xd8\xff"),
    _read("PNG", "PNG", "png apng", rb"\x89PNG\r\n\x1a\n"),
    _read("GIF", "GIF", "gif", rb"GIF8[79]a"),
    _read("WebP", "WEBP", "webp", rb"RIFF....WEBP"),
    CAMERA_RAW,
    _read("TIFF", "TIFF", "tif tiff", rb"II[*+]\0|MM\0[*+]|II\0\*|MM\*\0"),
    _read("BMP", "BMP", "bmp dib", rb"BM.{12}[\x0c-\x7c]\0\0\0"),
    _read("AVIF", "AVIF", "avif avifs", rb"....ftyp(?:avi[fs]|(?:mif1|msf1|miaf)....(?:....){0,12}?avi[fs])"),
    _extra("HEIC", "HEIF", "heic heics heif heifs hif", rb"....ftyp(?:he[iv][cmsx]|heif|mi[af][f123]|msf1)",
           "pillow_heif"),
    _extra("JPEG XL", "JXL", "jxl", rb"\0\0\0\x0cJXL \r\n\x87\n", "pillow_jxl"),
    _read("PBM, PGM or PPM", "PPM", "pbm pgm ppm pnm pfm",
          rb"P[14]" + _SPACE + _NUMBERS + rb"\s|P[2356]" + _SPACE + _NUMBERS + _SPACE + rb"\d{1,5}\s|"
          rb"Pf\s+" + _NUMBERS + rb"\s+-?[\d.]+\s", text=True),
    _read("ICO", "ICO", "ico", rb"\0\0\x01\0[\x01-\xff]\0.{3}[\0\xff][\0\x01]\0[\0\x01\x04\x08\x10\x18\x20]\0"),
    _read("CUR", "CUR", "cur", rb"\0\0\x02\0[\x01-\xff]\0.{3}[\0\xff].{8}..\0\0"),
    _read("ICNS", "ICNS", "icns", rb"icns"),
    _read("JPEG 2000", "JPEG2000", "jp2 j2k j2c jpc jpf jpx", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\0"),
    _read("PSD", "PSD", "psd", rb"8BPS\0\x01"),
    _read("DDS", "DDS", "dds", rb"DDS \x7c\0\0\0"),
    _read("QOI", "QOI", "qoi", rb"qoif.{8}[\x03\x04][\0\x01]"),
    _read("SGI", "SGI", "sgi rgb rgba bw", rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]"),
    _read("Sun raster", "SUN", "ras", rb"\x59\xa6\x6a\x95"),
    _read("FITS", "FITS", "fits fts", rb"SIMPLE  = {20}[TF] ", text=True),
    _read("FLI", "FLI", "fli flc", rb".{4}[\x11\x12]\xaf.{6}\x08\0[\0\x03]\0"),
    _read("DCX", "DCX", "dcx", rb"\xb1\x68\xde\x3a"),
    _read("Pixar", "PIXAR", "pxr", rb"\x80\xe8\0\0"),
    _read("BLP", "BLP", "blp", rb"BLP[12]"),
    _read("FTEX", "FTEX", "", rb"FTEX"),
    _read("MSP", "MSP", "", rb"DanM|LinS"),
    _read("GIMP brush", "GBR", "", rb"\0\0..\0\0\0[\x01\x02].{12}GIMP"),
    _read("XV thumbnail", "XVTHUMB", "", rb"P7 332"),
    _read("TGA", "TGA", "tga icb vda"),
    _read("PCX", "PCX", "pcx"),
    _read("XBM", "XBM", "xbm"),
    _read("XPM", "XPM", "xpm"),
    _read("IM", "IM", "im"),
    SVG,
    _refused("EPS", "eps", rb"%!PS-Adobe-\d\.\d EPSF|\xc5\xd0\xd3\xc6", f"EPS (PostScript), {_DRAWING}",
             "export it as PNG", text=True, by_content=False),
    _refused("WMF", "wmf emf", rb"\xd7\xcd\xc6\x9a\0\0|\x01\0\0\0.{36} EMF", f"WMF or EMF, {_DRAWING}",
             "export it as PNG"),
    _refused("XCF", "xcf", rb"gimp xcf "),
    _refused("PSB", "psb", rb"8BPS\0\x02"),
    _refused("OpenEXR", "exr", rb"\x76\x2f\x31\x01"),
    _refused("Radiance HDR", "", rb"#\?(?:RADIANCE|RGBE)\n"),
    _refused("JPEG XR", "jxr wdp hdp", rb"II\xbc[\0\x01]"),
    _refused("JPEG-LS", "jls"),
    _refused("PAM", "pam", rb"P7\n(?:#[^\n]*\n)*(?:WIDTH|HEIGHT|DEPTH) "),
    _refused("PFM", "", rb"PF\s+" + _NUMBERS + rb"\s+-?[\d.]+\s", "a PFM of three colours"),
    _refused("MNG or JNG", "mng jng", rb"[\x8a\x8b][MJ]NG\r\n\x1a\n"),
    _refused("BPG", "bpg", rb"BPG\xfb"),
    _refused("FLIF", "flif", rb"FLIF[1-6]"),
    _refused("DjVu", "djvu djv", rb"AT&TFORM....DJV"),
    _refused("DICOM", "dcm dicom", rb".{128}DICM"),
    _refused("PICT", "pict pct"),
    _refused("WBMP", "wbmp"),
    _refused("DPX or Cineon", "dpx", rb"SDPX|XPDS|\x80\x2a\x5f\xd7"),
    _refused("ILBM", "lbm ilbm", rb"FORM....(?:ILBM|PBM )"),
    _refused("JBIG2", "jb2 jbig2", rb"\x97JB2\r\n\x1a\n"),
    _refused("JPEG 2000 of many pictures", "jpm mj2"),
    _refused("KTX", "ktx ktx2", rb"\xabKTX [12]"),
    _refused("XWD", "xwd"),
    _refused("project", "kra ora afphoto procreate clip mdp", what="the project of a painting program"),
    # A codestream without a container: two bytes say nothing of a file that is not called so.
    _extra("JPEG XL", "JXL", "", rb"\xff\x0a", "pillow_jxl", by_content=False),
)  # fmt: skip

IMAGE_EXTENSIONS = frozenset(f".{ending}" for each in FORMATS for ending in each.endings)

# Of no use here: what needs Ghostscript or Windows, and data that Pillow knows but cannot read.
_NOT_TRIED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FPX", "MIC"}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_OTHERS = (
    (b"<!doctype html", "a web page saved under an image's name; download the image itself"),
    (b"<html", "a web page saved under an image's name; download the image itself"),
    (b"%pdf", "a PDF document; export its pages as PNG"),
    (b"%!ps", "a PostScript file; export it as PNG"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
    (b"<?xml", "an XML file"),
)


def is_text(head: bytes) -> bool:
    """Whether bytes could be a text: no control characters but blanks and line breaks.

    >>> is_text(b"GIF89a is older than PNG"), is_text(b"GIF89a\\x10\\0\\x10\\0")
    (True, False)
    """
    return not _CONTROL.search(head)


def format_of(head: bytes) -> ImageFormat | None:
    """The format that the first `HEAD` bytes of a file announce; None: none that has a signature.

    >>> format_of(b"RIFF1234WEBP\\0").name, format_of(b"RIFF1234WAVE\\0"), format_of(b"P2 is a keyboard's key")
    ('WebP', None, None)
    """
    for each in FORMATS:
        if each.signature is not None and each.signature.match(head):
            return None if not each.text and head[:4].isascii() and is_text(head) else each
    return None


def format_named(name: str | os.PathLike) -> ImageFormat | None:
    """The format that the ending of a file's name announces.

    >>> format_named("IMG_1.HEIC").name, format_named("notes.txt")
    ('HEIC', None)
    """
    return _BY_ENDING.get(os.path.splitext(name)[1].lower())


_BY_ENDING = {f".{ending}": each for each in FORMATS for ending in each.endings}


def decodable_extensions() -> frozenset[str]:
    """The endings of formats for which there is a decoder, those of optional extras where these are installed."""
    return frozenset(ending for ending, each in _BY_ENDING.items() if has_decoder(each))


@functools.cache
def has_decoder(image_format: ImageFormat) -> bool:
    """Whether a format can be decoded; imports the extra that it needs."""
    if image_format.module:
        try:
            module = importlib.import_module(image_format.module)
        except ImportError:
            return False
        if image_format.plugin == "HEIF":
            module.register_heif_opener()
    elif image_format.plugin and image_format.plugin not in Image.OPEN:
        Image.init()
    return image_format.plugin in Image.OPEN


def all_plugins() -> list[str]:
    """Pillow's names of all decoders that may be tried on a file that announces no format."""
    Image.init()
    return [plugin for plugin in Image.ID if plugin not in _NOT_TRIED]


def undecodable_reason(data: bytes, name: str = "") -> str:
    """Why there is no decoder for a file, and what to do about it.

    Args:
        data: its content.
        name: its name, which says what it should be.

    >>> undecodable_reason(b"%PDF-1.7 ...")
    'not an image but a PDF document; export its pages as PNG'
    """
    head = data[:HEAD]
    announced, named = format_of(head), format_named(name)
    if announced is not None and announced.reason:
        return announced.reason
    beginning = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if beginning.startswith(b"<svg") or (beginning.startswith(b"<?xml") and b"<svg" in beginning):
        return SVG.reason
    for other, explanation in _OTHERS:
        if beginning.startswith(other):
            return f"not an image but {explanation}"
    if not data.strip(b"\0"):
        return "not an image: the file holds nothing but zeros"
    if is_text(head):
        return "not an image but text"
    if named is not None and not named.plugin:
        return f"{named.reason} (so its name says: {os.path.splitext(name)[1]})"
    return "not an image in a format that is known here"
