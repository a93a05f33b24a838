"""Pretrained word vectors, from the text files of GloVe and word2vec."""

import codecs
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.text.files import MARKS

_AS_TEXT = "Save it as text first (in gensim: `save_word2vec_format(path, binary=False)`)."
_PEEKED = 1000  # bytes behind the first line
_LARGEST = 10_000  # numbers of a vector
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh91AY": "bzip2", b"\xfd7zXZ": "xz"}


def read_vectors(path: str | Path, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of `words` in a file of word vectors, which is read line by line and may be larger than the memory.

    GloVe writes a word and its numbers on each line, `dog 0.11 -0.02 ...`; word2vec (and fastText) write the same after
    a first line with the number of words and of numbers, `400000 300`. Any number of blanks or tabs is between them.
    Words are compared letter by letter, composed (NFC); of a word that occurs twice the first vector counts. A line
    that begins with a blank and has numbers only is the vector of a word that was lost, and is passed over.

    Args:
        path: the file.
        words: V words.

    Returns:
        `(matrix float32 (V, size), found bool (V,))`; rows of words that are not in the file are zero.

    Raises:
        UserError: the file is missing, packed, binary or cut short, or a line is damaged or has another number of
            numbers than the first; the line is named.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file of word vectors {path}. Give a text file of GloVe or word2vec.")
    rows: dict[bytes, list[int]] = {}
    for row, word in enumerate(words):
        rows.setdefault(word.encode("utf-8"), []).append(row)
    found = np.zeros(len(words), bool)
    with path.open("rb") as file:
        begin = file.readline()
        mark = next((mark for mark in MARKS if begin.startswith(mark)), b"")
        if mark and mark != codecs.BOM_UTF8:
            raise UserError(f"{path} is {MARKS[mark][:6].upper()} text. Save it as UTF-8 first.")
        count, size = _layout(begin[len(mark) :], path)
        if count is None:
            file.seek(len(mark))
        elif any(byte < 32 and byte not in b"\t\n\v\f\r" for byte in file.peek(_PEEKED)[:_PEEKED]):
            raise UserError(f"{path} is in word2vec's binary format. {_AS_TEXT}")
        matrix = np.zeros((len(words), size), np.float32)
        first, read = (1 if count is None else 2), 0
        for number, line in enumerate(file, start=first):
            if not line.strip():
                continue
            read += 1
            word, values = _cut(line, size, f"{path}:{number}")
            for row in rows.pop(word, ()) or rows.pop(_composed(word), ()):
                matrix[row], found[row] = _numbers(values, f"{path}:{number}"), True
    if count is not None and read < count:
        raise UserError(
            f"{path} ends after {read:,} words, but its first line promises {count:,}: it was cut short. "
            "Get the file again."
        )
    return matrix, found


def _layout(line: bytes, path: Path) -> tuple[int | None, int]:
    """From the first line: how many words the file has, if it says so, and how many numbers a word."""
    for start, kind in _PACKED.items():
        if line.startswith(start):
            raise UserError(f"{path} is packed ({kind}). Unpack it first.")
    parts = line.split()
    if not parts:
        raise UserError(f"{path} is empty or begins with an empty line; expected lines like `dog 0.11 -0.02 ...`.")
    if len(parts) == 2 and all(part.isdigit() and len(part) < 20 for part in parts):
        count, size = (int(part) for part in parts)
        if not 0 < size <= _LARGEST:
            raise UserError(f"{path}:1 promises vectors of {size:,} numbers; expected 1 to {_LARGEST:,}.")
        return count, size
    if _is_nameless(line, len(parts)):
        return None, len(parts)
    size = len(parts) - 1
    while size > 0 and not all(map(_is_number, parts[-size:])):
        size -= 1  # a word may hold spaces
    if not size or b"\0" in line:
        raise UserError(
            f"{path}:1 is not a word and its numbers, like `dog 0.11 -0.02 ...`, nor their counts, like `400000 300`. "
            f"If it is in a binary format: {_AS_TEXT[:1].lower()}{_AS_TEXT[1:]}"
        )
    return None, size


def _is_nameless(line: bytes, size: int) -> bool:
    """Whether a line is the vector of an empty word."""
    return line[:1].isspace() and len(parts := line.split()) == size and all(map(_is_number, parts))


def _cut(line: bytes, size: int, location: str) -> tuple[bytes, list[bytes]]:
    """A line as its word, which may hold spaces (and is empty where it was lost), and its numbers."""
    if _is_nameless(line, size):
        return b"", line.split()
    word, *values = line.strip().rsplit(None, size)
    if len(values) < size or (len(parts := word.split()) > 1 and _is_number(parts[-1])):
        given = len(line.split()) - 1
        raise UserError(
            f"{location}: this word has {given} numbers, but the file's vectors have {size}. The line is damaged, or "
            "the file was put together from two."
        )
    return word, values


def _composed(word: bytes) -> bytes:
    """A word in the form that tokenizers give (NFC)."""
    try:
        return word if word.isascii() else unicodedata.normalize("NFC", word.decode("utf-8")).encode("utf-8")
    except UnicodeDecodeError:
        return word


def _numbers(values: list[bytes], location: str) -> np.ndarray:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        bad = next(value for value in values if not _is_number(value))
        text = bad.decode("utf-8", "replace")
        raise UserError(f"{location}: {text!r} is not a number. The line is damaged; get the file again.") from None
    if not all(map(math.isfinite, numbers)):
        raise UserError(f"{location}: the vector holds a number that is not finite. Get the file again.")
    return np.asarray(numbers, np.float32)


def _is_number(value: bytes) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
