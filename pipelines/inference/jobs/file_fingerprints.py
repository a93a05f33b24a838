"""Whether a file is still what it was when it got its caption: by its size and the time of its last change.

    captions.jsonl.stamps    16 bytes a line of the journal, appended before it: a hash of the image's name, and one of
                             its size and time

The file may be deleted at any time: the images then count as unchanged, and their fingerprints are taken anew.
"""

import hashlib
import os
import stat
import struct
from pathlib import Path

import numpy as np

from captioner.files import as_user_error, open_to_append
from captioner.images.decode import ImageLimits
from captioner.images.files import holding_file
from captioner.remote import RemoteFile

_PAIR = np.dtype([("key", "<u8"), ("fingerprint", "<u8")])


def key_hash(key: str) -> int:
    """A hash of a record's key, such as the name of an image."""
    return _hash(key.encode("utf-8", "surrogatepass"))


def file_fingerprints(path: str | os.PathLike, limits: ImageLimits) -> tuple[int, int] | None:
    """`(fingerprint if the file could be read, fingerprint if it could not)`, or None if there is no such file.

    A file that could not be read is tried again after a change of its permissions or of the limits, too. All images
    of an archive change with it.
    """
    if isinstance(path, RemoteFile):
        facts = f"{path.size} {path.version}".encode()
        return _hash(b"c" + facts), _hash(b"e" + facts + _packed(limits.max_bytes, limits.max_pixels))
    try:
        path = holding_file(path)
        status = os.stat(path)
        content = _packed(status.st_size, status.st_mtime_ns)
        if stat.S_ISDIR(status.st_mode):  # a clip, whose frames may change without the folder
            frames = [(os.fsencode(entry.name), entry.stat()) for entry in os.scandir(path) if entry.is_file()]
            content += b"".join(sorted(name + _packed(s.st_size, s.st_mtime_ns) for name, s in frames))
    except (OSError, ValueError):
        return None
    more = _packed(status.st_ctime_ns, limits.max_bytes, limits.max_pixels)
    return _hash(b"c" + content), _hash(b"e" + content + more)


def _packed(*numbers: int) -> bytes:
    """Numbers as 8 bytes each. Cut to them: file systems keep times after 2262, in nanoseconds more than 63 bits."""
    return struct.pack(f"<{len(numbers)}Q", *(number % 2**64 for number in numbers))


MISSING = 1  # the fingerprint of a file that was not there


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") or 2


class FingerprintFile:
    """The fingerprints of a journal: 16 bytes an image in memory, too.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path):
        self.path = path
        with as_user_error(path):
            self._file = open_to_append(path)
            whole = os.fstat(self._file.fileno()).st_size // _PAIR.itemsize * _PAIR.itemsize
            self._file.truncate(whole)
            self._file.seek(0)
            pairs = np.frombuffer(self._file.read(), _PAIR)
        order = np.argsort(pairs["key"], kind="stable")
        pairs = pairs[order]
        last = np.append(pairs["key"][1:] != pairs["key"][:-1], True)[: len(pairs)]  # the newest of each image
        self._keys, self._fingerprints = pairs["key"][last], pairs["fingerprint"][last]

    def close(self) -> None:
        self._file.close()

    def of(self, key: int) -> int:
        """The fingerprint that was stored with a key when the file was opened; 0: none was."""
        index = int(np.searchsorted(self._keys, np.uint64(key)))
        stored = index < len(self._keys) and int(self._keys[index]) == key
        return int(self._fingerprints[index]) if stored else 0

    def append(self, pairs: list[tuple[int, int]]) -> None:
        """Stores `(hash of a key, fingerprint)`.

        Raises:
            UserError: the disk is full, or gone.
        """
        with as_user_error(self.path):
            data = memoryview(np.array(pairs, _PAIR).tobytes())
            while data:
                data = data[self._file.write(data) :]
