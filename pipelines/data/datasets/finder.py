"""Where the image files of a data set are: many names looked up with few system calls."""

import os
import posixpath
import unicodedata
from collections.abc import Sequence
from pathlib import Path


class ImageFinder:
    """Finds image files below `root` by name with one listing a folder instead of one system call an image.

    Args:
        root: the data set's folder.
        folders: where images may be, relative to `root`, the likeliest first; those that do not exist are ignored.
    """

    def __init__(self, root: Path, folders: Sequence[str]):
        self.root = root
        self._absolute_root = os.path.abspath(root)
        self._folders = [folder for folder in folders if os.path.isdir(root / folder)]
        self._listings: dict[str, dict[str, str]] = {}

    def find(self, name: str) -> str | None:
        """The path of image `name` relative to the root, with "/"; None where there is no such file."""
        for folder in self._folders:
            path = posixpath.normpath(posixpath.join(folder, name))
            parent, base = posixpath.split(path)
            listing = self._listing(parent)
            # macOS may store "é" as two characters: compare in one form, return what is on disk.
            file = listing.get(base if base.isascii() else unicodedata.normalize("NFC", base))
            if file is not None:
                return self._relative(posixpath.join(parent, file))
        return None

    def searched(self) -> str:
        """The folders that were looked in, for messages."""
        return ", ".join("the folder itself" if folder == "." else f"{folder}/" for folder in self._folders)

    def _listing(self, folder: str) -> dict[str, str]:
        if folder not in self._listings:
            try:
                with os.scandir(os.path.join(self.root, folder)) as entries:
                    names = [entry.name for entry in entries if entry.is_file()]
            except (OSError, ValueError):  # no such folder; a name with a null character or a lone surrogate
                names = []
            self._listings[folder] = {
                name if name.isascii() else unicodedata.normalize("NFC", name): name for name in names
            }
        return self._listings[folder]

    def _relative(self, path: str) -> str:
        if not posixpath.isabs(path) and not os.path.isabs(path):
            return path
        try:
            return os.path.relpath(path, self._absolute_root).replace(os.sep, "/")
        except ValueError:  # another drive
            return path
