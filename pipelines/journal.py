"""The journal of a long job: JSON lines, appended batch by batch, that survive a kill at any moment.

    captions.jsonl            one record a line, on the disk (fsync) before the next batch begins
    captions.jsonl.run.json   what the records were made with; another job may not append to them

A line that a kill cut off is removed when the journal is opened again, and the job goes on behind the last whole one.
Names of files may hold anything: a byte that is no UTF-8 is written as the JSON escape of the lone surrogate that
Python reads it as, so every line is valid UTF-8 and gives back the same name.
"""

import contextlib
import csv
import errno
import hashlib
import json
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from captioner.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: two jobs on one journal are then not told apart
    fcntl = None

# Line ends to `str.splitlines` and to some editors, though not to JSON.
_LINE_BREAKS = {character: f"\\u{character:04x}" for character in (0x85, 0x2028, 0x2029, 0x7F)}
# What spreadsheets take for the beginning of a formula (OWASP, "CSV injection").
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Journal:
    """An open journal.

    Args:
        path: the JSON lines.
        made_with: what must be the same for a job to go on, such as the model's checksum.

    Raises:
        UserError: the file was not written by this job, is in use, or cannot be written.

    Attributes:
        repaired: whether a cut line was removed.
        faults: how many error lines were in the journal when it was opened.
    """

    def __init__(self, path: Path, made_with: dict):
        self.path = Path(path)
        self.sidecar = self.path.with_name(self.path.name + ".run.json")
        self.faults = 0
        self._check_owner(made_with)
        with told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115, closed by `close`
        try:
            self._lock()
            with told(self.sidecar):
                _write_whole(self.sidecar, json.dumps(made_with, indent=2) + "\n")
            with told(self.path):
                self.repaired = self._remove_cut_line()
                self._written = self._read_keys()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        """How many images were in the journal when it was opened."""
        return len(self._written)

    def __contains__(self, image: str) -> bool:
        """Whether the image was in the journal when it was opened."""
        key = _key(image)
        place = bisect_left(self._written, key)
        return place < len(self._written) and self._written[place] == key

    def append(self, records: Iterable[dict]) -> None:
        """Writes records and waits until the disk has them; all of what it returns from is safe.

        Raises:
            UserError: the disk is full, or gone. What was written before stays as it is.
        """
        data = b"".join(map(to_line, records))
        end = os.fstat(self._file.fileno()).st_size
        try:
            with told(self.path):
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
                os.fsync(self._file.fileno())
        except UserError as error:
            with contextlib.suppress(OSError):  # then the next start repairs it
                os.truncate(self._file.fileno(), end)  # half a batch helps nobody
            raise UserError(f"{error} What was written until now is kept: the same command goes on from there.") from None

    def _check_owner(self, made_with: dict) -> None:
        try:
            if not self.path.exists() or not self.path.stat().st_size:
                return
            before = json.loads(self.sidecar.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{self.path} exists already and was not begun by this command (there is no {self.sidecar.name} beside it). "
                "Nothing was changed: give another --output, or move that file away."
            ) from None
        except (OSError, ValueError) as error:
            raise UserError(f"{self.sidecar} cannot be read: {error}. Give another --output.") from None
        differing = [name for name, value in made_with.items() if not isinstance(before, dict) or before.get(name) != value]
        if differing:
            raise UserError(
                f"{self.path} holds captions that were made with another {' and another '.join(differing)}. "
                "Nothing was changed: give another --output, or repeat the command as it was to go on with it."
            )

    def _lock(self) -> None:
        try:
            if fcntl:
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{self.path} is being written by another process. Wait for it, or give another --output.") from None
        except OSError:
            pass  # a file system without locks

    def _remove_cut_line(self) -> bool:
        """Cuts the file behind its last line break."""
        size = end = os.fstat(self._file.fileno()).st_size
        while end:
            start = max(0, end - 65536)
            self._file.seek(start)
            found = self._file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            os.truncate(self._file.fileno(), end)
        return end < size

    def _read_keys(self) -> array:
        """Eight bytes an image, so that a million of them take 8 MB."""
        keys = array("Q")
        for record in read_journal(self.path):
            keys.append(_key(record["image"]))
            self.faults += "error" in record
        return array("Q", sorted(keys)) if any(a > b for a, b in zip(keys, keys[1:], strict=False)) else keys


def _key(image: str) -> int:
    digest = hashlib.blake2b(image.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def to_line(record: dict) -> bytes:
    """A record as a line of JSON: readable letters of all alphabets, no line break but the last character.

    >>> to_line({"image": "a\\nb.jpg", "caption": "ein Hündchen"}).decode()
    '{"image": "a\\\\nb.jpg", "caption": "ein Hündchen"}\\n'
    """
    text = json.dumps(record, ensure_ascii=False).translate(_LINE_BREAKS)
    return text.encode("utf-8", "backslashreplace") + b"\n"  # a lone surrogate becomes its JSON escape


def read_journal(path: Path) -> Iterator[dict]:
    """The records of a journal, one at a time.

    Raises:
        UserError: a line is no record; it is named.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                record["image"] + ""
            except (ValueError, TypeError, KeyError):
                raise UserError(
                    f"{path}:{number}: this line is damaged. Remove it (its image is then captioned again), and repeat the command."
                ) from None
            yield record


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
        raise UserError("Parquet needs a package more: pip install 'captioner[parquet]'. Or write .csv or .jsonl.") from None
    return pyarrow, pyarrow.parquet


def _cell(value) -> str | float | int:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return value
    text = _flat(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _flat(value) -> str:
    if isinstance(value, (list, tuple)):
        return " | ".join(item["caption"] if isinstance(item, dict) else str(item) for item in value)
    return str(value)


def _parquet_value(name: str, value):
    if value is None or name == "score":
        return value
    return _flat(value).encode("utf-8", "backslashreplace").decode()


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(beside, path)


class told:
    """Turns what a disk refuses into a sentence that names the file.

    >>> with told(Path("captions.jsonl")):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    captioner.errors.UserError: captions.jsonl cannot be written: the disk is full. Free some space.
    """

    REASONS = {
        errno.ENOSPC: "the disk is full. Free some space.",
        errno.EDQUOT: "your share of the disk is used up. Free some space.",
        errno.EROFS: "its disk is read-only. Give another place.",
        errno.EACCES: "you may not write there. Give another place.",
        errno.EPERM: "you may not write there. Give another place.",
        errno.EISDIR: "it is a folder. Give the name of a file.",
        errno.ENOTDIR: "part of its path is a file, not a folder. Give another place.",
        errno.EEXIST: "part of its path is a file, not a folder. Give another place.",
    }

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if isinstance(error, OSError):
            reason = self.REASONS.get(error.errno, f"{error.strerror or error}.")
            raise UserError(f"{self.path} cannot be written: {reason}") from error
