"""Records as csv and parquet."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from captioner.errors import UserError
from pipelines.disk import told

# What spreadsheets take for the beginning of a formula (OWASP, "CSV injection").
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def write_csv(records: Iterable[dict], path: Path, columns: list[str]) -> None:
    """Writes records as csv (UTF-8), in a way that spreadsheets open without running anything.

    A text that begins like a formula gets an apostrophe in front. Lists of captions are joined by " | ".
    """
    beside = path.with_name(path.name + ".part")
    with told(path):
        with open(beside, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for record in records:
                writer.writerow([_cell(record.get(column)) for column in columns])
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)


def write_parquet(records: Iterable[dict], path: Path, columns: list[str], rows: int = 10_000) -> None:
    """Writes records as parquet, `rows` at a time; `score` is a number, all else is text."""
    pyarrow, parquet = need_parquet()
    schema = pyarrow.schema([(name, pyarrow.float64() if name == "score" else pyarrow.string()) for name in columns])
    beside = path.with_name(path.name + ".part")
    with told(path):
        with parquet.ParquetWriter(beside, schema) as writer:
            chunk: list[dict] = []
            for record in records:
                chunk.append({name: _parquet_value(name, record.get(name)) for name in columns})
                if len(chunk) == rows:
                    writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))
                    chunk = []
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))
        os.replace(beside, path)


def need_parquet():
    """The library that writes parquet.

    Raises:
        UserError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(
            "Parquet needs a package more: pip install 'captioner[parquet]'. Or write .csv or .jsonl."
        ) from None
    return pyarrow, pyarrow.parquet


def _cell(value) -> str | float | int:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return value
    text = _flat(value)
    return "'" + text if text.startswith(FORMULA) else text


def _flat(value) -> str:
    if isinstance(value, (list, tuple)):
        return " | ".join(item["caption"] if isinstance(item, dict) else str(item) for item in value)
    return str(value)


def _parquet_value(name: str, value):
    if value is None or name == "score":
        return value
    return _flat(value).encode("utf-8", "backslashreplace").decode()
