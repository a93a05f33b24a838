"""Where the image files of a data set are: many names looked up with few system calls."""

import os
import posixpath
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from captioner.errors import address_hint
from pipelines.data.datasets.text import truncate


def leads_out(name: str) -> bool:
    """Whether a relative path leads out of the folder in which it begins.

    >>> [leads_out(name) for name in ("../a.png", "b/../../a.png", "b/../a.png", "/data/a.png", "..a.png")]
    [True, True, False, False, False]
    """
    path = posixpath.normpath(name)
    return not os.path.isabs(name) and (path == ".." or path.startswith("../"))


def existing_folders(root: Path, folders: Iterable[str]) -> list[str]:
    """Those of `folders` that are there, whatever their case, as the disk has them; each once.

    Archives of one data set differ in the case of its folders, and disks in whether they tell them apart.

    Args:
        root: the data set's folder.
        folders: relative to it, with "/"; the likeliest first.
    """
    names: dict[str, list[str]] = {}

    def inside(parent: str, wanted: str) -> list[str]:
        if wanted in (".", ".."):
            return [wanted]
        if parent not in names:
            try:
                names[parent] = sorted(os.listdir(root / parent))
            except OSError:  # a folder that may be entered and not listed
                names[parent] = []
        same = [name for name in names[parent] if name.lower() == wanted.lower()] or [wanted]
        return sorted(same, key=lambda name: name != wanted)  # the exact one first

    found: dict[str, None] = {}
    for folder in folders:
        paths = [""]
        for part in folder.split("/"):
            paths = [posixpath.join(path, name) for path in paths for name in inside(path, part)]
        found.update(dict.fromkeys(path for path in paths if os.path.isdir(root / path)))
    return list(found)


def absent_image(name: str) -> str:
    """What is said of a row whose image is not there.

    Rows come from anywhere, and reports show their images: a relative name never leads to a file beside the data set.
    """
    if leads_out(name):
        return f"there is no image {truncate(name)} below the folder; one elsewhere has to be named by its whole path"
    return f"there is no image {truncate(name)}{address_hint(name)}"


class ImageFinder:
    """Finds image files below `root` by name with one listing a folder instead of one system call an image.

    A name that is an absolute path is looked for where it says, and any other one below `root` only.

    Args:
        root: the data set's folder.
        folders: where images may be, relative to `root`, in any case, the likeliest first; those that do not exist are
            ignored.
    """

    def __init__(self, root: Path, folders: Sequence[str]):
        self.root = root
        self._absolute_root = os.path.abspath(root)
        self._wanted = list(folders)
        self._folders = existing_folders(root, folders)
        self._listings: dict[str, dict[str, str]] = {}

    def find(self, name: str) -> str | None:
        """The path of image `name` relative to the root, with "/"; None where there is no such file."""
        for folder in self._folders:
            path = posixpath.normpath(posixpath.join(folder, name))
            if leads_out(path):
                continue
            parent, base = posixpath.split(path)
            listing = self._listing(parent)
            # macOS may store "é" as two characters: compare in one form, return what is on disk.
            file = listing.get(base if base.isascii() else unicodedata.normalize("NFC", base))
            if file is not None:
                return self._relative(posixpath.join(parent, file))
        return None

    def image(self, image_id: str) -> Path:
        """The file of an image that was found."""
        return self.root / image_id

    def searched(self) -> str:
        """Where it was looked, for messages, and where it would have been if such folders were there."""
        there = ", ".join(map(_named, self._folders)) or "no folder"
        known = {folder.lower() for folder in self._folders}
        absent = dict.fromkeys(folder for folder in self._wanted if folder.lower() not in known)
        return f"{there} (not there: {', '.join(map(_named, absent))})" if absent else there

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


def _named(folder: str) -> str:
    return "the folder itself" if folder == "." else f"{folder}/"
