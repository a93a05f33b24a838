"""What browsers send for the page: a folder that only this user can read, emptied within minutes."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from captioner.images.decode import ImageLimits, read_bytes
from pipelines.serving.requests import BadRequest


class Uploads:
    """A new private folder for uploads.

    Args:
        keep: seconds that a file stays after it was last used.
        most: bytes of all files together.
    """

    def __init__(self, keep: float = 300.0, most: int = 2 * 2**30):
        self.keep, self.most = keep, most
        self.folder = Path(tempfile.mkdtemp(prefix="captioner-page-")).resolve()

    def find(self, path: object) -> Path | None:
        """The file of a path that a client names, if it is one that was sent here; nothing else is ever opened."""
        if not isinstance(path, str) or "\0" in path:
            return None
        found = Path(os.path.realpath(path))
        return found if found.is_relative_to(self.folder) and found.is_file() else None

    def read(self, payload: object, limits: ImageLimits) -> bytes:
        """The bytes of a file, from the object by which gradio's client names it.

        Raises:
            BadRequest: it names no file that was sent here, or that is still here.
            ImageError: the file is beyond the limits.
        """
        path = self.find(payload.get("path")) if isinstance(payload, dict) else None
        try:
            os.utime(path or self.folder / "none")  # who goes on with a picture keeps it
        except OSError:
            gone = f"The picture is gone: it was deleted after {self.keep / 60:g} minutes. Choose it again."
            raise BadRequest(gone) from None
        return read_bytes(path, limits)

    @property
    def full(self) -> bool:
        return sum(size for size, _ in self._files().values()) >= self.most

    def sweep(self) -> None:
        """Deletes what was not used for `keep` seconds, whole or half-sent, whoever wrote it."""
        now = time.time()
        for path, (_, used) in self._files().items():
            if now - used > self.keep:
                path.unlink(missing_ok=True)
        for folder in sorted((path for path in self.folder.rglob("*") if path.is_dir()), reverse=True):
            try:
                if now - folder.stat().st_mtime > self.keep:  # else it may be waiting for its file
                    folder.rmdir()
            except OSError:
                continue  # there is something in it

    def close(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> dict[Path, tuple[int, float]]:
        """Size and last use of each file."""
        files = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                try:
                    status = os.lstat(path := Path(folder, name))
                except OSError:
                    continue  # it was just deleted
                files[path] = status.st_size, status.st_mtime
        return files
