"""The journal of a long job: JSON lines, appended batch by batch, that survive a kill at any moment; and the table that
is made of it in the end.

    captions.jsonl            one record a line, on the disk (fsync) before the next batch begins
    captions.jsonl.run.json   what the records were made with; another job may not append to them
    captions.jsonl.stamps     fingerprints of the images (`pipelines.inference.jobs.file_fingerprints`)

A record is identified by its `key`, such as the name of its image.

A line that a kill cut off is removed when the journal is opened again, and the job goes on after the last whole one.
File names may hold any bytes: a byte that is not UTF-8 is written as the JSON escape of the lone surrogate that Python
reads it as, so every line is valid UTF-8 and gives back the same name.
"""

import contextlib
import json
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from captioner.errors import UserError
from captioner.files import (
    as_user_error,
    atomic_file,
    atomic_write,
    locked_file,
    open_regular,
    open_to_append,
    remove_leftovers,
)
from captioner.images.decode import DEFAULT_LIMITS, ImageLimits
from pipelines.inference.jobs.file_fingerprints import MISSING, FingerprintFile, file_fingerprints, key_hash
from pipelines.utils.tables import need_parquet, write_csv, write_parquet

# Line ends to `str.splitlines` and to some editors, though not to JSON.
_LINE_BREAKS = {character: f"\\u{character:04x}" for character in (0x85, 0x2028, 0x2029, 0x7F)}


class Journal:
    """An open journal.

    Args:
        path: the JSON lines.
        made_with: what must be the same for a job to go on, such as the model's checksum.
        key: what identifies a record; by default its image.
        things: what the records are called in messages.
        follow_link: whether the user named the file, so that it may be a link.

    Raises:
        UserError: the file was not written by this job, is in use, or cannot be written.

    Attributes:
        repaired: whether a cut line was removed.
        faults: how many error lines were in the journal when it was opened.
    """

    def __init__(
        self,
        path: Path,
        made_with: dict,
        key: Callable[[dict], str] = lambda record: record["image"],
        things: str = "captions",
        follow_link: bool = True,
    ):
        self.path = Path(path)
        self._key, self._things, self._follow_link = key, things, follow_link
        self.sidecar, self._stamps = run_path(self.path), stamps_path(self.path)
        self.faults = 0
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked_file(self.path, follow_link=follow_link))
            self._check_owner(made_with)
            self._is_new = not self.path.exists()
            self._file = open_to_append(self.path, follow_link=follow_link)
            stack.callback(lambda: self._file.close())
            try:
                atomic_write(self.sidecar, run_facts(made_with))
                with as_user_error(self.path):
                    self._written = self._read_keys()  # first: of a file that holds anything else nothing is removed
                    self.repaired = self._remove_cut_line()
                self._fingerprints = FingerprintFile(self._stamps)
            except UserError:
                self._leave_nothing()
                raise
            stack.callback(self._fingerprints.close)
            self._to_close = stack.pop_all()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, error, *_):
        failed = error is not None and issubclass(error, Exception)  # not an interruption
        if failed:
            self._leave_nothing()  # while the lock is held nobody goes on
        self.close()

    def _leave_nothing(self) -> None:
        """Removes the files of a job that failed before its first record."""
        if self._is_new and not os.fstat(self._file.fileno()).st_size:
            for path in (os.path.realpath(self.path), self.sidecar, self._stamps):
                with contextlib.suppress(OSError):
                    if not os.path.islink(path):
                        os.unlink(path)

    def close(self) -> None:
        self._to_close.close()

    def __len__(self) -> int:
        """How many records were in the journal when it was opened."""
        return len(self._written)

    def __contains__(self, key: str) -> bool:
        """Whether a record with this key was in the journal when it was opened."""
        hashed = key_hash(key)
        index = bisect_left(self._written, hashed)
        return index < len(self._written) and self._written[index] == hashed

    def append(self, records: Iterable[dict], fingerprints: Iterable[int | None] = ()) -> None:
        """Writes records and waits until they are on the disk.

        Args:
            records: with `image` each, and what `key` needs.
            fingerprints: of the records' files; None: that file is not watched.

        Raises:
            UserError: the disk is full, or gone. What was written before stays as it is.
        """
        records = list(records)
        data = b"".join(map(to_line, records))
        end = os.fstat(self._file.fileno()).st_size
        try:
            # Before the lines: a fingerprint without a line does no harm.
            pairs = zip(records, fingerprints, strict=False)
            self._fingerprints.append([(self._hash(record), each) for record, each in pairs if each is not None])
            with as_user_error(self.path):
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
                os.fsync(self._file.fileno())
        except UserError as error:
            with contextlib.suppress(OSError):  # then the next start repairs it
                os.truncate(self._file.fileno(), end)  # half a batch helps nobody
            raise UserError(
                f"{error} What was written until now is kept: the same command goes on from there."
            ) from None

    def drop_changed(
        self,
        files: Iterable[tuple[str, str]],
        limits: ImageLimits = DEFAULT_LIMITS,
        on_drop: Callable[[dict], object] = lambda record: None,
    ) -> int:
        """Removes the records of images that changed since, so that they are made again.

        Args:
            files: `(key, path)` of all records that the job makes, and their images.
            limits: what an image may ask for; an image that was too large is tried again if they changed.
            on_drop: called with each record before it is removed.

        Returns:
            the number of records that were removed.
        """
        changed, unknown = set(), []
        for name, path in files:
            if name not in self:
                continue
            key = key_hash(name)
            before, now = self._fingerprints.of(key), file_fingerprints(path, limits)
            if now is not None and before not in (0, *now):
                changed.add(key)
            elif before == 0:
                unknown.append((key, now[0] if now else MISSING))
            if len(unknown) >= 10_000:
                self._fingerprints.append(unknown)
                unknown = []
        self._fingerprints.append(unknown)
        if changed:
            self._rewrite_without(changed, on_drop)
        return len(changed)

    def _rewrite_without(self, changed: set[int], on_drop: Callable[[dict], object]) -> None:
        with atomic_file(self.path, follow_link=self._follow_link) as file:
            for record in read_journal(self.path):
                if self._hash(record) in changed:
                    on_drop(record)
                else:
                    file.write(to_line(record))
        self._file.close()  # of what was replaced
        self._file, self.faults = open_to_append(self.path, follow_link=self._follow_link), 0
        self._written = self._read_keys()

    def _check_owner(self, made_with: dict) -> None:
        try:
            if not self.path.exists() or not self.path.stat().st_size:
                return
            with open_regular(self.sidecar) as file:
                before = json.loads(file.read())
        except FileNotFoundError:
            raise not_begun_here(self.path, self.sidecar) from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{self.sidecar} cannot be read: {error}. Give another --output.") from None
        differing = [
            # What an earlier version did not know of was as it is by default.
            name
            for name, value in made_with.items()
            if not isinstance(before, dict) or before.get(name) != value
        ]
        if differing:
            raise UserError(
                f"{self.path} holds {self._things} that were made with another {' and another '.join(differing)}. "
                "Nothing was changed: give another --output, or repeat the command as it was to go on."
            )

    def _remove_cut_line(self) -> bool:
        """Truncates the file after its last line break."""
        size = end = os.fstat(self._file.fileno()).st_size
        while end:
            start = max(0, end - 65536)
            self._file.seek(start)
            line_break = self._file.read(end - start).rfind(b"\n")
            if line_break >= 0:
                end = start + line_break + 1
                break
            end = start
        if end < size:
            os.truncate(self._file.fileno(), end)
        return end < size

    def _read_keys(self) -> array:
        """Eight bytes a record, so that a million of them take 8 MB."""
        keys = array("Q")
        for record in read_journal(self.path):
            keys.append(self._hash(record))
            self.faults += "error" in record
        return array("Q", sorted(keys))

    def _hash(self, record: dict) -> int:
        return key_hash(self._key(record))


def journal_path(output: Path) -> Path:
    """Where the journal of an output file is: the file itself if it is `.jsonl`, else beside it."""
    return output if output.suffix.lower() == ".jsonl" else output.with_name(output.name + ".jsonl")


def run_path(journal: Path) -> Path:
    """Where the facts about what the records of a journal were made with are."""
    return journal.with_name(journal.name + ".run.json")


def stamps_path(journal: Path) -> Path:
    """Where the fingerprints of a journal's images are."""
    return journal.with_name(journal.name + ".stamps")


def run_facts(made_with: dict) -> str:
    """The content of the file at `run_path`."""
    return json.dumps(made_with, indent=2) + "\n"


def checked_output(output: Path, formats: Sequence[str]) -> Path:
    """The output file, if it can be one.

    Args:
        formats: endings that are allowed.

    Raises:
        UserError: its name says no format, or it belongs to somebody else.
    """
    if output.suffix.lower() not in formats:
        raise UserError(
            f"{output} should end in {', '.join(formats[:-1])} or {formats[-1]}: that says how it is written."
        )
    if output.is_dir():
        raise UserError(f"{output} is a folder. Give the name of a file to write to.")
    if output.suffix.lower() == ".parquet":
        need_parquet()  # checked now, not after a night's work
    if output.exists() and not journal_path(output).exists():
        raise not_begun_here(output, journal_path(output))
    return output


def write_table(output: Path, columns: Sequence[str]) -> None:
    """Writes the csv or parquet file of a finished journal; a `.jsonl` is the journal itself."""
    writers = {".csv": write_csv, ".parquet": write_parquet}
    if (write := writers.get(output.suffix.lower())) is not None:
        remove_leftovers(output.parent, output.name)
        write(read_journal(journal_path(output)), output, list(columns), follow_link=True)


def not_begun_here(path: Path, expected: Path) -> UserError:
    """The error about a file that another program wrote, since there is no `expected` beside it."""
    return UserError(
        f"{path} exists already and was not begun by this command ({expected.name} is not beside it). Nothing was "
        "changed: give another --output, or move that file away."
    )


def to_line(record: dict) -> bytes:
    """A record as a line of JSON: readable letters of all alphabets, no line break but the last character.

    >>> to_line({"image": "a\\nb.jpg", "caption": "ein Hündchen"}).decode()
    '{"image": "a\\\\nb.jpg", "caption": "ein Hündchen"}\\n'
    """
    text = json.dumps(record, ensure_ascii=False).translate(_LINE_BREAKS)
    return text.encode("utf-8", "backslashreplace") + b"\n"  # a lone surrogate becomes its JSON escape


def _check_record(record: dict) -> None:
    """Raises TypeError or KeyError where a record is not of the form that tables and files beside images need."""
    for name in ("caption", "question", "answer", "error", "warning"):
        record.get(name, "") + ""
    for entry in (*record.get("candidates", ()), *record.get("answers", ())):
        entry["caption" if "caption" in entry else "answer"] + ""
        entry["score" if "caption" in entry else "probability"] + 0.0


def read_journal(path: Path) -> Iterator[dict]:
    """The records of a journal, one at a time, without a last line that a kill cut off.

    Raises:
        UserError: a line is not a record; the message has its number.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                record["image"] + ""
                _check_record(record)
            except (ValueError, TypeError, KeyError, RecursionError):
                raise UserError(
                    f"{path}:{number}: this line is damaged. Remove it and repeat the command; its "
                    "record is made again."
                ) from None
            yield record
