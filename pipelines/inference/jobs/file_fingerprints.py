"""Whether a file is still what it was when it got its caption: by its size and the time of its last change.

    captions.jsonl.stamps    16 bytes a line of the journal, appended before it: a number for the image's name, and one
                             for its size and time

The file may be deleted at any time: what lies in the folders then counts as unchanged, and is noted anew.
"""

import hashlib
import os
import stat
import struct
from pathlib import Path

import numpy as np

from captioner.images.decode import ImageLimits
from pipelines.utils.atomic_files import as_user_error

_PAIR = np.dtype([("key", "<u8"), ("stamp", "<u8")])


def key_hash(image: str) -> int:
    """A number for the name of an image."""
    return _number(image.encode("utf-8", "surrogatepass"))


def file_fingerprints(path: str, limits: ImageLimits) -> tuple[int, int] | None:
    """`(stamp of a file with a caption, stamp of one that could not be read)`, or None if there is no such file.

    What could not be read is tried again after a change of its rights or of the limits, too.
    """
    try:
        status = os.stat(path)
        seen = struct.pack("<qq", status.st_size, status.st_mtime_ns)
        if stat.S_ISDIR(status.st_mode):  # of a clip, whose frames may change in their places
            seen += b"".join(sorted(_frame(entry) for entry in os.scandir(path) if entry.is_file()))
    except (OSError, ValueError):
        return None
    more = struct.pack("<qqq", status.st_ctime_ns, limits.max_bytes, limits.max_pixels)
    return _number(b"c" + seen), _number(b"e" + seen + more)


def _frame(entry: os.DirEntry) -> bytes:
    status = entry.stat()
    return os.fsencode(entry.name) + struct.pack("<qq", status.st_size, status.st_mtime_ns)


MISSING = 1  # the stamp of a file that was not there


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") or 2


class FingerprintFile:
    """The stamps of a journal: 16 bytes an image in memory, too.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path):
        self.path = path
        with as_user_error(path):
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115, closed by `close`
            whole = os.fstat(self._file.fileno()).st_size // _PAIR.itemsize * _PAIR.itemsize
            self._file.truncate(whole)
            self._file.seek(0)
            pairs = np.frombuffer(self._file.read(), _PAIR)
        order = np.argsort(pairs["key"], kind="stable")
        pairs = pairs[order]
        last = np.append(pairs["key"][1:] != pairs["key"][:-1], True)[: len(pairs)]  # the newest of each image
        self._keys, self._stamps = pairs["key"][last], pairs["stamp"][last]

    def close(self) -> None:
        self._file.close()

    def of(self, key: int) -> int:
        """The stamp that the image had when the file was opened, 0 if it had none."""
        place = int(np.searchsorted(self._keys, np.uint64(key)))
        return int(self._stamps[place]) if place < len(self._keys) and int(self._keys[place]) == key else 0

    def append(self, pairs: list[tuple[int, int]]) -> None:
        """Notes `(key, stamp)`.

        Raises:
            UserError: the disk is full, or gone.
        """
        with as_user_error(self.path):
            data = memoryview(np.array(pairs, _PAIR).tobytes())
            while data:
                data = data[self._file.write(data) :]
