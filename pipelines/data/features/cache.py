"""Features on disk: shards of half precision that are either whole or not there.

    CACHE/files.jsonl             path, size, time of change (of the file that holds it) -> sha256 of an image
    CACHE/vgg16-block5_conv3-1f0c.../
        about.json                what the features depend on: the key, readable
        SHARD.npy                 float16 (n, *shape)
        SHARD.json                the n images' sha256, written last: with it the shard is there

A shard is named after its images, so two runs that write to the same folder cannot disturb each other.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.files import atomic_file, make_folder, open_regular, open_to_append
from captioner.images.files import ImagePath, holding_file


class FeatureCache:
    """The features of one encoder's backbone, by the content of images.

    Args:
        root: folder of all caches.
        identity: `encoder.identity()`; whatever differs in it has features of its own.
        shape: of one image's features.
    """

    def __init__(self, root: Path, identity: dict, shape: tuple[int, ...]):
        self.root = Path(root)
        self.identity = identity
        self.shape = tuple(shape)
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self.folder = self.root / f"{identity['network']}-{identity['cut']}-{key[:12]}".lower()
        self.bytes_per_image = 2 * int(np.prod(self.shape))
        self._locations: dict[str, tuple[str, int]] = {}
        for path in sorted(self.folder.glob("*.json")):
            self._read_index(path)

    def __contains__(self, digest: str) -> bool:
        return digest in self._locations

    def __len__(self) -> int:
        return len(self._locations)

    def location(self, digest: str) -> tuple[str, int]:
        """The shard and the row that hold an image's features."""
        return self._locations[digest]

    def prepare(self) -> None:
        """Makes the folder.

        Raises:
            UserError: nothing can be written there.
        """
        with self._disk_errors():
            make_folder(self.folder, below=self.root)
            _write(self.folder / "about.json", json.dumps(self.identity, indent=1).encode())

    def add(self, digests: list[str], features: np.ndarray) -> None:
        """Writes a shard: `features` `(n, *shape)` of the images with these `n` hashes.

        Raises:
            UserError: it cannot be written; every earlier shard is still there.
        """
        name = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
        with self._disk_errors():
            _write(self.folder / f"{name}.npy", np.ascontiguousarray(features, np.float16))
            _write(self.folder / f"{name}.json", json.dumps(digests).encode())
        self._locations.update({digest: (name, row) for row, digest in enumerate(digests)})

    def _read_index(self, path: Path) -> None:
        """A shard that is damaged or incomplete is passed over: its images are computed again."""
        try:
            with open_regular(path) as file:
                digests = json.loads(file.read())
            if not isinstance(digests, list) or not all(isinstance(digest, str) for digest in digests):
                return
            header = path.with_suffix(".npy").stat().st_size - len(digests) * self.bytes_per_image
        except (OSError, ValueError, RecursionError):  # a UserError is a ValueError
            return
        if header in (128, 192, 256):  # a multiple of 64 bytes
            self._locations.update({digest: (path.stem, row) for row, digest in enumerate(digests)})

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Says of an error of the disk that the features which are stored are kept."""
        try:
            yield
        except (OSError, UserError) as error:
            reason = error if isinstance(error, OSError) else error.__cause__
            kept = f"The features of {len(self):,} images are stored and kept"
            if reason.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UserError(
                    f"The disk is full: no more features fit into {self.folder}. {kept}; make room and give "
                    "the same command again to go on."
                ) from error
            raise UserError(
                f"Features cannot be written to {self.folder}: {reason.strerror or reason}. {kept}; choose a "
                "folder that can be written to."
            ) from error


class FeatureRows:
    """Rows of shards, read at random by several threads.

    Rows are read, not memory-mapped: it is as fast, and mapped pages would count as the program's memory
    until all features of a large data set seem to be in it.
    """

    def __init__(self, cache: FeatureCache):
        self._folder, self._shape, self._bytes = cache.folder, cache.shape, cache.bytes_per_image
        self._open = lru_cache(maxsize=256)(self._open_shard)  # fewer than a process may hold open

    def read_into(self, row: np.ndarray, shard: str, number: int) -> None:
        """Fills `row`, contiguous float16 of the features' shape, with one image's features."""
        file, header = self._open(shard)
        buffer, offset = memoryview(row).cast("B"), header + number * self._bytes
        if hasattr(os, "preadv"):
            count = os.preadv(file.fileno(), [buffer], offset)
        else:  # Windows: a file of its own, since position and reading are two steps
            with open(file.name, "rb", buffering=0) as own:
                own.seek(offset)
                count = own.readinto(buffer)
        if count != self._bytes:
            raise UserError(
                f"{file.name} ends too early: it was cut after it was written. Delete it and give the same "
                "command again; its images are then computed anew."
            )

    def _open_shard(self, shard: str):
        path = self._folder / f"{shard}.npy"
        try:
            file = open_regular(path).detach()  # closed when forgotten
            version = np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read ({error}). Delete it and give the same command again; its images "
                "are then computed anew."
            ) from error
        if version != (1, 0) or shape[1:] != self._shape or dtype != np.float16:
            raise UserError(
                f"{path} holds {dtype} of shape {shape[1:]}, expected float16 of {self._shape}. Delete it "
                "and give the same command again."
            )
        return file, file.tell()


class KnownFiles:
    """Hashes of files that were read before, so that a second run need not read them again.

    A file counts as the same as long as its path, size and time of change are. Lines are only ever
    appended, those of one process at once; one that was cut by a kill is passed over.
    """

    def __init__(self, path: Path):
        self.path = path
        self._known: dict[str, list] = {}
        self._new: list[str] = []
        with contextlib.suppress(OSError, UserError), open_regular(path) as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    name, size, changed, digest = json.loads(line)
                    if isinstance(name, str) and isinstance(digest, str):
                        self._known[name] = [size, changed, digest]

    def lookup(self, path: ImagePath) -> str | None:
        """The sha256 of a file's content, if it is known."""
        size, changed, digest = self._known.get(os.path.abspath(path), (None, None, None))
        if digest is None:
            return None
        try:
            status = os.stat(holding_file(path))
        except OSError:
            return None
        return digest if (status.st_size, status.st_mtime_ns) == (size, changed) else None

    def remember(self, path: ImagePath, status: os.stat_result, digest: str) -> None:
        """Notes the hash of an image; `status`, of the file that holds it, has to be from before it was read."""
        record = [status.st_size, status.st_mtime_ns, digest]
        name = os.path.abspath(path)
        if self._known.get(name) != record:
            self._known[name] = record
            self._new.append(json.dumps([name, *record]))

    def save(self) -> None:
        """Appends what is new. A failure costs the next run some reading, so it is no error."""
        if self._new:
            with contextlib.suppress(UserError, OSError), open_to_append(self.path) as file:
                file.write(("\n" + "\n".join(self._new) + "\n").encode())  # a new line first: the last may be cut
                self._new.clear()


def _write(path: Path, content: bytes | np.ndarray) -> None:
    """Writes a file that is complete or absent at any moment, even if the power fails."""
    with atomic_file(path) as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            np.lib.format.write_array(file, content, version=(1, 0), allow_pickle=False)
