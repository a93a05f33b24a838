"""Records as csv and parquet."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from captioner.errors import UserError
from captioner.files import atomic_file, open_regular

# What spreadsheets take for the beginning of a formula (OWASP, "CSV injection"): at the beginning of a cell, and behind
# what ends a cell where the list separator is another (in many countries it is the semicolon). In front of it
# apostrophes may stand already: each of those is kept, and one is added.
_SIGN = r"[=+\-@＝＋－＠]"
_BREAK = r"[\t\r\n]"
# What may stand before a sign is matched once, from its first character, with a sign behind it or without.
_LEAD = re.compile(rf"""['\s"]*+({_SIGN})|['\s"]{{2,}}+""")
_BROKEN_START = re.compile(rf"'*+{_BREAK}")
_NUMBERS = ("score", "probability")
_MOST_BYTES = 2**30  # of the rows of a parquet file in memory
_ROW_BYTES = 400


def guarded(text: str) -> str:
    """Text that no spreadsheet runs as a formula: an apostrophe stands before whatever begins like one.

    >>> guarded("=1+1"), guarded("a; =1+1"), guarded("'=1"), guarded("a dog - and a cat")
    ("'=1+1", "a;' =1+1", "''=1", 'a dog - and a cat')
    """
    return _at_formulas(text, lambda lead: "'" + lead, lambda lead: re.sub(_BREAK, r"\g<0>'", lead))


def unguarded(text: str) -> str:
    """The inverse of `guarded`: removes its apostrophes, and no others."""
    return _at_formulas(text, lambda lead: lead.removeprefix("'"), lambda lead: re.sub(rf"({_BREAK})'", r"\1", lead))


def _at_formulas(text: str, at_start: Callable[[str], str], behind_breaks: Callable[[str], str]) -> str:
    """The text with what leads to a formula edited: at its start, where a cell may begin, and behind line breaks."""

    def edit(lead: re.Match) -> str:
        if lead[1] is None:
            return lead[0]
        edited = behind_breaks(lead[0])
        return at_start(edited) if lead.start() == 0 or text[lead.start() - 1] == ";" else edited

    first = _LEAD.match(text)
    edited = _LEAD.sub(edit, text)
    if _BROKEN_START.match(text) and not (first and first[1]):
        return at_start(edited)
    return edited


def write_csv(records: Iterable[dict], path: Path, columns: list[str], *, follow_link: bool = False) -> None:
    """Writes records as csv (UTF-8), in a way that spreadsheets open without running anything.

    Texts are `guarded`; lists of captions or answers are joined by " | ". `follow_link`: see `captioner.files`.
    """
    with atomic_file(path, follow_link=follow_link) as file:
        _write_rows(records, columns, file)


def csv_bytes(records: Iterable[dict], columns: list[str]) -> bytes:
    """What `write_csv` writes."""
    buffer = io.BytesIO()
    _write_rows(records, columns, buffer)
    return buffer.getvalue()


def _write_rows(records: Iterable[dict], columns: list[str], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for record in records:
        writer.writerow([_cell(record.get(column)) for column in columns])
    text.detach()  # which writes what it holds


def write_parquet(
    records: Iterable[dict], path: Path, columns: list[str], rows: int = 10_000, *, follow_link: bool = False
) -> None:
    """Writes records as parquet, `rows` at a time; scores are numbers, `unsure` is true or false, all else is text."""
    pyarrow, parquet = need_parquet()
    kinds = {**dict.fromkeys(_NUMBERS, pyarrow.float64()), "unsure": pyarrow.bool_()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in columns])
    with atomic_file(path, follow_link=follow_link) as file, parquet.ParquetWriter(file, schema) as writer:
        chunk: list[dict] = []
        for record in records:
            chunk.append({name: _parquet_value(name, record.get(name)) for name in columns})
            if len(chunk) == rows:
                writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))
                chunk = []
        writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))


def read_parquet(path: Path) -> list[dict]:
    """The rows of a parquet file; what is missing in them is None.

    Raises:
        UserError: the library is not installed, or the file cannot be read, or its rows are too large: a file of a
            kilobyte can hold gigabytes.
    """
    _, parquet = need_parquet()
    rows: list[dict] = []
    try:
        with open_regular(path) as opened:
            schema = parquet.read_schema(opened)
            texts = [field.name for field in schema if str(field.type) in ("string", "large_string")]
            left = _MOST_BYTES
            # Texts that repeat are held once, until it is known how large all of them are.
            for batch in parquet.ParquetFile(opened, read_dictionary=texts).iter_batches(batch_size=10_000):
                left -= _bytes_of_rows(batch)
                if left < 0:
                    raise UserError(f"its rows take more than {_MOST_BYTES / 1e9:.1f} GB of memory")
                rows += batch.to_pylist()
        return rows
    except Exception as error:  # head, pages and their compression each break in their own way
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(
            f"{path} cannot be read: a whole parquet file was expected ({reason}). Write it again."
        ) from None


def _bytes_of_rows(batch) -> int:
    """What the rows of a batch of a parquet file take as objects of Python, about."""
    import pyarrow
    from pyarrow import compute

    size = _ROW_BYTES * batch.num_rows
    for column in batch.columns:
        if isinstance(column, pyarrow.DictionaryArray):
            lengths = compute.binary_length(column.dictionary)
            size += compute.sum(compute.take(lengths, column.indices)).as_py() or 0
        else:
            size += column.nbytes
    return size


def need_parquet():
    """The library that reads and writes parquet.

    Raises:
        UserError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(
            "Parquet needs a package more: pip install 'captioner[parquet]'. Or use .csv or .jsonl."
        ) from None
    return pyarrow, pyarrow.parquet


def _cell(value) -> str | float | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (int, float)):
        return value
    return guarded(_flat(value))


def _flat(value) -> str:
    if isinstance(value, (list, tuple)):
        return " | ".join(_describe(item) if isinstance(item, dict) else str(item) for item in value)
    return str(value)


def _describe(item: dict) -> str:
    return item["caption"] if "caption" in item else f"{item['answer']} ({item['probability']:.4f})"


def _parquet_value(name: str, value):
    if name == "unsure":
        return bool(value)
    if value is None or name in _NUMBERS:
        return value
    return _flat(value).encode("utf-8", "backslashreplace").decode()
