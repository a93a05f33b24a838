"""The output of a job in a store such as S3, whose objects cannot be appended to.

    OUT.jsonl, .run.json, .stamps     as on a disk, each written as a whole
    OUT.jsonl.parts/9f86d081-2048     what was appended since the job began: the bytes of OUT.jsonl from 2048 on, where
                                      OUT.jsonl is the one whose hash begins so; complete or absent

The job itself writes to a folder of this machine, which is removed in the end. A job that was killed goes on, on any
machine, with OUT.jsonl and its parts; what was made since the last part is made again. A part is never replaced, so of
two processes with one output the second is refused as soon as it has something to write.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.remote import address_of, list_files, read_file, remove_file, write_file
from pipelines.inference.jobs.journal import checked_output, journal_path, not_begun_here, run_path, stamps_path

EVERY = 30.0  # seconds between two parts: what a kill may cost


class RemoteOutput:
    """The copy of an output on this machine.

    Attributes:
        path: of the copy, which the job writes.
        beside: the folder of the output in the store.
    """

    def __init__(self, output: Path, folder: Path):
        self.address = address_of(output)
        self.path = folder / output.name
        self._journal = journal_path(self.path)
        self.beside = self.address.removesuffix(output.name)
        self._parts = f"{self.beside}{self._journal.name}.parts/"
        self._base, self._sent, self._last = "", 0, time.monotonic()

    def fetch(self) -> None:
        """Brings what an earlier run wrote.

        Raises:
            UserError: it was not written by this command, or cannot be read.
        """
        data = self._read(self._journal.name) or b""
        base = _digest(data)
        offsets = {}
        for part in list_files(self._parts):
            name = part.address.rpartition("/")[2]
            if name.startswith(base) and name[len(base) + 1 :].isdecimal():
                offsets[int(name[len(base) + 1 :])] = part
        while len(data) in offsets:
            data += read_file(offsets[len(data)])
        if not data:
            if self._read(self.path.name) is not None:
                raise not_begun_here(self.path, self._journal)
            return
        for beside in (run_path(self._journal), stamps_path(self._journal)):
            if (content := self._read(beside.name)) is not None:
                atomic_write(beside, content)
        atomic_write(self._journal, data)

    def begin(self) -> None:
        """Writes what the job begins with, if there is anything, as a whole; parts of earlier runs are in it.

        Raises:
            UserError: it cannot be written.
        """
        if self._journal.stat().st_size:
            self._publish()
        else:
            self._base = _digest(b"")

    def send(self) -> None:
        """Writes what was appended since as a part, if it is time.

        Raises:
            UserError: it cannot be written, or another process writes this output.
        """
        if time.monotonic() - self._last >= EVERY:
            self._send()

    def keep(self) -> None:
        """After an error: writes what was appended."""
        if self._base and self._journal.exists():
            self._send()

    def finish(self) -> None:
        """Writes all files as wholes, and removes the parts."""
        self._publish()
        if self.path != self._journal and self.path.exists():
            write_file(self.address, self.path.read_bytes())

    def _publish(self) -> None:
        data = self._journal.read_bytes()
        self._write_beside()
        write_file(self.beside + self._journal.name, data)
        for part in list(list_files(self._parts)):
            remove_file(part)
        self._base, self._sent, self._last = _digest(data), len(data), time.monotonic()

    def _send(self) -> None:
        with open(self._journal, "rb") as file:
            file.seek(self._sent)
            data = file.read()
        if data:
            self._write_beside()
            try:
                write_file(f"{self._parts}{self._base}-{self._sent}", data, replace=False)
            except FileExistsError:
                raise UserError(
                    f"{self.address} is being written by another process. Wait until it has ended, or give another "
                    "place."
                ) from None
        self._sent, self._last = self._sent + len(data), time.monotonic()

    def _write_beside(self) -> None:
        for beside in (stamps_path(self._journal), run_path(self._journal)):
            write_file(self.beside + beside.name, beside.read_bytes())

    def _read(self, name: str) -> bytes | None:
        try:
            return read_file(self.beside + name)
        except FileNotFoundError:
            return None
        except PermissionError:
            raise UserError(
                f"{self.beside}{name} cannot be read: the store does not allow it (permission denied)."
            ) from None


@contextmanager
def remote_output(output: Path, formats) -> Iterator[RemoteOutput]:
    """A folder of this machine with the copy of an output, while a job runs.

    Raises:
        UserError: the store does not answer or does not allow it, or the output belongs to somebody else.
    """
    with tempfile.TemporaryDirectory(prefix="captioner-") as folder:
        copy = RemoteOutput(output, Path(folder))
        try:
            checked_output(copy.path, formats)
            copy.fetch()
            try:
                yield copy
            except BaseException:
                copy.keep()
                raise
            copy.finish()
        except UserError as error:  # users know nothing of the copy
            raise UserError(str(error).replace(f"{folder}{os.sep}", copy.beside)) from None


def sending(copy: RemoteOutput, on_record: Callable[[dict], object]) -> Callable[[dict], object]:
    """`on_record` that also sends what was written so far, when it is time."""

    def record_and_send(record: dict) -> None:
        on_record(record)
        copy.send()

    return record_and_send


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]
