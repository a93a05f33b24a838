"""Text files that come from anywhere, read by one rule.

The encoding is UTF-8, or the one that a byte order mark names: spreadsheets save "Unicode text" as UTF-16. The mark is
no part of the text, and every kind of line end becomes a newline.
"""

import codecs
import hashlib
import os
from pathlib import Path
from typing import Literal

from captioner.errors import UserError
from captioner.files import open_regular

# The marks of UTF-32 before those of UTF-16, one of which begins alike.
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_TEXT = (".json", ".txt", ".xml")  # endings of the files of models whose line ends Git and editors change
_ZERO_BYTES = 1 / 8  # a file with a larger share of them is not UTF-8 text with a slip, but something else

Errors = Literal["strict", "surrogateescape", "surrogatepass"]


def read_text(path: str | os.PathLike, errors: Errors = "strict") -> str:
    r"""The text of a file, without byte order mark and with `\n` for every kind of line end.

    Args:
        path: the file.
        errors: what becomes of bytes that are not UTF-8: "strict" refuses the file; "surrogateescape" keeps them as
            lone surrogates (as `os.fsdecode` does), so that only the rows that hold them are lost; "surrogatepass"
            accepts lone surrogates and refuses all else.

    Raises:
        UserError: the file cannot be read or is not text; the message names the line.
    """
    try:
        with open_regular(Path(path)) as file:
            data = file.read()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    return decode_text(data, path, errors)


def decode_text(data: bytes, name: str | os.PathLike, errors: Errors = "strict") -> str:
    """The text of the bytes of a file that is called `name` in messages; as `read_text`."""
    return _decode(data, name, errors).replace("\r\n", "\n").replace("\r", "\n")


def normalized(data: bytes) -> bytes:
    """UTF-8 text without byte order mark and with Unix line ends: the same however Git or an editor saved it."""
    return data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits; that of a text file does not depend on its line ends."""
    with open_regular(path) as file:
        if path.suffix in _TEXT:
            return hashlib.sha256(normalized(file.read())).hexdigest()
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(data: bytes, path: str | os.PathLike, errors: Errors) -> str:
    mark = next((mark for mark in MARKS if data.startswith(mark)), b"")
    encoding = MARKS.get(mark, "utf-8")
    most = {"strict": 0, "surrogateescape": _ZERO_BYTES * len(data)}.get(errors, len(data))
    if encoding == "utf-8" and data.count(0) > most:
        raise UserError(
            f"{path} is not text: it holds a zero byte at {data.index(0):,}. If it is UTF-16 without a byte order "
            "mark, save it as UTF-8."
        )
    if errors == "surrogateescape" and encoding != "utf-8":
        errors = "replace"  # there the handler knows no bytes below 128
    try:
        return data[len(mark) :].decode(encoding, errors)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding == "utf-8" else f"{encoding[:6].upper()}, as its byte order mark says,"
        line = data.count(b"\n", 0, len(mark) + error.start) + 1
        raise UserError(f"{path}:{line}: this is not {name} text ({error.reason}). Save the file as UTF-8.") from error
