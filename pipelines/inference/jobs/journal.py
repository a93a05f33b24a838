"""The journal of a long job: JSON lines, appended batch by batch, that survive a kill at any moment.

    captions.jsonl            one record a line, on the disk (fsync) before the next batch begins
    captions.jsonl.run.json   what the records were made with; another job may not append to them
    captions.jsonl.stamps     what the images were like then (`pipelines.inference.jobs.file_fingerprints`)

Records are captions, or answers to questions; what makes a record one of its kind is its `key`.

A line that a kill cut off is removed when the journal is opened again, and the job goes on behind the last
whole one. Names of files may hold anything: a byte that is no UTF-8 is written as the JSON escape of the lone
surrogate that Python reads it as, so every line is valid UTF-8 and gives back the same name.
"""

import contextlib
import json
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from captioner.errors import UserError
from captioner.images.decode import DEFAULT_LIMITS, ImageLimits
from pipelines.inference.jobs.file_fingerprints import MISSING, FingerprintFile, file_fingerprints, key_hash
from pipelines.utils.atomic_files import as_user_error, atomic_path, atomic_write

try:
    import fcntl
except ImportError:  # Windows: two jobs on one journal are then not told apart
    fcntl = None

# Line ends to `str.splitlines` and to some editors, though not to JSON.
_LINE_BREAKS = {character: f"\\u{character:04x}" for character in (0x85, 0x2028, 0x2029, 0x7F)}


class Journal:
    """An open journal.

    Args:
        path: the JSON lines.
        made_with: what must be the same for a job to go on, such as the model's checksum.
        key: what tells a record from all others: its image, unless something else is said.
        things: what the records are, in messages.

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
    ):
        self.path = Path(path)
        self._key, self._things = key, things
        self.sidecar = self.path.with_name(self.path.name + ".run.json")
        self.faults = 0
        self._stamps: FingerprintFile | None = None
        self._check_owner(made_with)
        with as_user_error(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115, closed by `close`
        try:
            self._lock()
            atomic_write(self.sidecar, json.dumps(made_with, indent=2) + "\n")
            with as_user_error(self.path):
                self.repaired = self._remove_cut_line()
                self._written = self._read_keys()
            self._stamps = FingerprintFile(self.path.with_name(self.path.name + ".stamps"))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._file.close()
        if self._stamps is not None:
            self._stamps.close()

    def __len__(self) -> int:
        """How many records were in the journal when it was opened."""
        return len(self._written)

    def __contains__(self, key: str) -> bool:
        """Whether a record with this key was in the journal when it was opened."""
        key = key_hash(key)
        place = bisect_left(self._written, key)
        return place < len(self._written) and self._written[place] == key

    def append(self, records: Iterable[dict], stamps: Iterable[int] = ()) -> None:
        """Writes records and waits until the disk has them; all of what it returns from is safe.

        Args:
            records: with `image` each, and what `key` needs.
            stamps: what the files were like, one a record; see `pipelines.inference.jobs.file_fingerprints`.

        Raises:
            UserError: the disk is full, or gone. What was written before stays as it is.
        """
        records = list(records)
        data = b"".join(map(to_line, records))
        end = os.fstat(self._file.fileno()).st_size
        try:
            # Before the lines: a stamp without a line does no harm.
            self._stamps.append([(self._number(one), stamp) for one, stamp in zip(records, stamps, strict=False)])
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
        dropped: Callable[[dict], object] = lambda record: None,
    ) -> int:
        """Takes out the lines of images that are no longer what they were, so that they are captioned again.

        Args:
            files: `(key, path)` of all records that there are to be, and their images.
            limits: what an image may ask for; one that was too large is tried again where they changed.
            dropped: called with each record that goes, before it goes.

        Returns:
            how many went.
        """
        changed, unknown = set(), []
        for name, path in files:
            if name not in self:
                continue
            key = key_hash(name)
            before, now = self._stamps.of(key), file_fingerprints(path, limits)
            if now is not None and before not in (0, *now):
                changed.add(key)
            elif before == 0:
                unknown.append((key, now[0] if now else MISSING))
            if len(unknown) >= 10_000:
                self._stamps.append(unknown)
                unknown = []
        self._stamps.append(unknown)
        if changed:
            self._rewrite_without(changed, dropped)
        return len(changed)

    def _rewrite_without(self, changed: set[int], dropped: Callable[[dict], object]) -> None:
        with atomic_path(self.path) as beside, open(beside, "wb") as file:
            for record in read_journal(self.path):
                if self._number(record) in changed:
                    dropped(record)
                else:
                    file.write(to_line(record))
            file.flush()
            os.fsync(file.fileno())
        self._file.close()  # of what was replaced; its lock goes with it
        with as_user_error(self.path):
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115, closed by `close`
            self._lock()
            self.faults = 0
            self._written = self._read_keys()

    def _check_owner(self, made_with: dict) -> None:
        try:
            if not self.path.exists() or not self.path.stat().st_size:
                return
            before = json.loads(self.sidecar.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{self.path} exists already and was not begun by this command ({self.sidecar.name} is not "
                "beside it). Nothing was changed: give another --output, or move that file away."
            ) from None
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

    def _lock(self) -> None:
        try:
            if fcntl:
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{self.path} is being written by another process. Wait for it, or give another --output."
            ) from None
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
        """Eight bytes a record, so that a million of them take 8 MB."""
        keys = array("Q")
        for record in read_journal(self.path):
            keys.append(self._number(record))
            self.faults += "error" in record
        return array("Q", sorted(keys))

    def _number(self, record: dict) -> int:
        return key_hash(self._key(record))


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
            except (ValueError, TypeError, KeyError, RecursionError):
                raise UserError(
                    f"{path}:{number}: this line is damaged. Remove it and repeat the command; what it "
                    "told is made again."
                ) from None
            yield record
