"""Annotation files as text: lines, records of delimited files and JSON, each with the line it came from.

Files come from anywhere, so every function takes arbitrary bytes and raises nothing but `UserError`. Bytes
that are not UTF-8 are kept as lone surrogates (as `os.fsdecode` does), so that only the rows that hold them
are lost: `is_text` tells such rows apart.
"""

import csv
import functools
import json
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from math import isfinite
from pathlib import Path

from captioner.errors import UserError
from captioner.files import open_regular
from captioner.text.files import read_text
from pipelines.data.datasets.boundary import refuse_link

# What is wrong with a row, and what follows for a data set.
NOT_TEXT = "this is not UTF-8 text (bytes of another encoding, a zero byte or half a character); save the file as UTF-8"
NOT_TEXT_LEFT_OUT = f"{NOT_TEXT}; the row was left out"
# What pandas, NumPy, Python, databases and spreadsheets write.
_MISSING = frozenset(("nan", "<na>", "none", "null", "n/a", "#n/a"))


def _read(path: Path) -> str:
    refuse_link(path)
    return read_text(path, errors="surrogateescape")


def read_head(path: Path, length: int = 1 << 16) -> str:
    """The beginning of a file, for finding out what it is; empty where it cannot be read or is not to be."""
    try:
        refuse_link(path)
        with open_regular(path) as file:
            return file.read(length).decode("utf-8-sig", "replace")
    except (OSError, UserError):
        return ""


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """`(line number, text)` of every line that is not blank. Lines are counted as editors count them."""
    return text_lines(_read(path))


def text_lines(text: str) -> Iterator[tuple[int, str]]:
    """`(line number, text)` of every line of a text that is not blank."""
    # Not `splitlines`, which also breaks at form feeds and at separators that captions may hold.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def read_records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """`(line where it starts, fields)` of every record of a delimited file with quoted fields.

    A record that cannot be read has a text for fields that says why, and reading goes on in the line after
    its first, so one stray quotation mark costs one row and not the rest of the file.

    `csv` instead of pandas, because pandas forgets where a row came from when fields hold line breaks.
    """
    lines = [line + "\n" for line in _read(path).split("\n")]
    start = 0
    while start < len(lines):
        # Not a slice, which would walk through all lines before `start` at each fault.
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        begin = start
        try:
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield begin + 1, fields
                begin = start + reader.line_num
            return
        except csv.Error as error:
            yield begin + 1, _describe(error, lines=start + reader.line_num - begin)
            start = begin + 1


def _describe(error: csv.Error, lines: int) -> str:
    """What is wrong with a record of so many lines, in words."""
    if "limit" not in str(error):
        return "a quotation mark is not closed, or text follows a closed one"
    too_long = f"a field has more than {csv.field_size_limit():,} characters"
    return too_long if lines == 1 else f"a quotation mark is not closed, or {too_long}"


def read_json(path: Path, hook: Callable[[dict], object] | None = None, distinct: bool = False) -> object:
    """The content of a JSON file.

    Args:
        hook: what takes the place of each object, as it is read; saves memory where files are large.
        distinct: as in `parse_json`.

    Raises:
        UserError: it is not JSON; the message says where it stops being so.
    """
    return parse_json(_read(path), str(path), hook, distinct)


def read_json_list(path: Path, name: str, source: str, hook: Callable[[dict], object] | None = None) -> list:
    """The list called `name` in the object that a JSON file holds; `hook` as in `read_json`.

    Raises:
        UserError: it is not JSON, or there is no such list: then it is not a file of `source`.
    """
    content = read_json(path, hook)
    rows = content.get(name) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise UserError(f"{path} is not a file of {source}: it needs a list `{name}`.")
    return rows


def parse_json(
    text: str, location: str, hook: Callable[[dict], object] | None = None, distinct: bool = False
) -> object:
    """The value of `text`; `location` is named where it is not JSON.

    Args:
        hook: as in `read_json`.
        distinct: refuse an object that has a name twice, of whose values the last one alone would be read.
    """
    pairs = functools.partial(_distinct, location) if distinct else None
    try:
        return json.loads(text, object_hook=hook, object_pairs_hook=pairs, parse_float=_parse_number)
    except UserError:  # a ValueError, too
        raise
    except json.JSONDecodeError as error:
        raise UserError(f"{location} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise UserError(f"{location} is not JSON that can be read: its values are nested too deeply.") from error
    except ValueError as error:  # of Python, which reads no whole number of more digits
        most = f"{sys.get_int_max_str_digits():,}"
        raise UserError(f"{location} is not JSON that can be read: a number has more than {most} digits.") from error


def _distinct(location: str, pairs: list[tuple[str, object]]) -> dict:
    values = dict(pairs)
    if len(values) < len(pairs):
        name = next(name for number, (name, _) in enumerate(pairs) if name in dict(pairs[:number]))
        raise UserError(f"{location}: {truncate(name)} stands twice in one object. Leave one out.")
    return values


def _parse_number(text: str) -> float | int:
    """A number with a point or an exponent. Beyond what a float tells apart, whole ones are int: two ids stay two."""
    number = float(text)
    if abs(number) < 2**53 or not isfinite(number):
        return number
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else number


def is_text(string: str) -> bool:
    """Whether `string` could be decoded, and so can be written again; a zero byte ends texts for many programs."""
    if "\0" in string:
        return False
    if string.isascii():
        return True
    try:
        string.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_missing(string: str) -> bool:
    """Whether `string` is what programs write for a missing value; it was a text to whoever wrote the table.

    >>> is_missing("NaN"), is_missing("<NA>"), is_missing("a nan")
    (True, True, False)
    """
    return string.strip().lower() in _MISSING


def truncate(string: str, length: int = 60) -> str:
    """`string` in quotes as a message shows it: on one line, no control characters, not endless.

    >>> truncate("a\\nb")
    "'a\\\\nb'"
    """
    return repr(string if len(string) <= length else string[: length - 3] + "...")
