"""Where the image files of a data set are: many names looked up with few system calls."""

import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from captioner.errors import address_hint
from pipelines.data.datasets.boundary import REMEDY, Boundary, follows_links
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
    """What is said of a row of the user's own table whose image is not there.

    Tables are passed on, and reports show their images: a relative name never leads to a file beside the folder.
    """
    if leads_out(name):
        return f"there is no image {truncate(name)} below the folder; one elsewhere has to be named by its whole path"
    return f"there is no image {truncate(name)}{address_hint(name)}"


class ImageFinder:
    """Finds image files below `root` by name with one listing a folder instead of one system call an image.

    Args:
        root: the data set's folder.
        folders: where images may be, relative to `root`, in any case, the likeliest first; those that do not exist are
            ignored.
        confined: whether nothing outside of `root` counts, see `pipelines.data.datasets.boundary`. If not, a name that
            is a whole path is looked for where it says, and links are followed: for tables that the user names.
    """

    def __init__(self, root: Path, folders: Sequence[str], confined: bool = True):
        self.root = root
        self._absolute_root = os.path.abspath(root)
        self._wanted = list(folders)
        self._folders = existing_folders(root, folders)
        self._boundary = Boundary(root, self._folders) if confined else None
        self._listings: dict[str, dict[str, str]] = {}
        self._links: dict[str, str] = {}  # path of a file that is a link out of the folder -> where it leads

    def find(self, name: str) -> str | None:
        """The path of image `name` relative to the root, with "/"; None where there is no such file."""
        for path in self._paths(name):
            parent, base = posixpath.split(path)
            file = self._listing(parent).get(_composed(base))
            if file is not None and posixpath.join(parent, file) not in self._links:
                return self._relative(posixpath.join(parent, file))
        return None

    def image(self, image_id: str) -> Path:
        """The file of an image that was found."""
        return self.root / image_id

    def absence(self, name: str) -> str:
        """Why `find` found nothing."""
        target = self._link(name)
        if target is not None:
            return f"{truncate(name)} is a link that leads out of the data's folder, to {truncate(target)}: {REMEDY}"
        if leads_out(name) or (posixpath.isabs(name) and not self._lies_inside(posixpath.dirname(name))):
            remedy = "link its folder into the data's, and name it from there"
            return f"{truncate(name)} is outside of the data's folder, of which nothing is read: {remedy}"
        return absent_image(name)

    def first_link(self, names: Iterable[str]) -> str | None:
        """The first of `names` that is there as a link out of the data's folder."""
        return next((name for name in names if self._link(name) is not None), None)

    def linked(self) -> dict[str, str]:
        """Folders that belong to the data by links, and where they lead."""
        return {} if self._boundary is None else self._boundary.linked

    def searched(self) -> str:
        """Where it was looked, for messages, and where it would have been if such folders were there."""
        there = ", ".join(map(_named, self._folders)) or "no folder"
        known = {folder.lower() for folder in self._folders}
        absent = dict.fromkeys(folder for folder in self._wanted if folder.lower() not in known)
        return f"{there} (not there: {', '.join(map(_named, absent))})" if absent else there

    def _paths(self, name: str) -> Iterator[str]:
        """Where an image of that name may be, with no step out of the folder."""
        for folder in self._folders:
            path = posixpath.normpath(posixpath.join(folder, name))
            if not leads_out(path):
                yield path

    def _link(self, name: str) -> str | None:
        """Where an image leads that is a link out of the data's folder."""
        for path in self._paths(name):
            parent, base = posixpath.split(path)
            link = posixpath.join(parent, self._listing(parent).get(_composed(base), base))
            if link in self._links:
                return self._links[link]
        return None

    def _lies_inside(self, folder: str) -> bool:
        try:
            return self._boundary is None or self._boundary.lies_in(folder)
        except (OSError, ValueError):  # a name with a null character or a lone surrogate
            return False

    def _listing(self, folder: str) -> dict[str, str]:
        """The files of a folder by their names in one form: macOS may store "é" as two characters."""
        if folder not in self._listings:
            self._listings[folder] = {_composed(name): name for name in self._files(folder)}
        return self._listings[folder]

    def _files(self, folder: str) -> list[str]:
        if not self._lies_inside(folder):
            return []
        names = []
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                for entry in entries:
                    if self._boundary is not None and entry.is_symlink() and not follows_links():
                        target = os.path.realpath(entry.path)
                        if not self._boundary.holds(target):
                            self._links[posixpath.join(folder, entry.name)] = target
                            names.append(entry.name)
                            continue
                    if entry.is_file():
                        names.append(entry.name)
        except (OSError, ValueError):  # no such folder; a name with a null character or a lone surrogate
            pass
        return names

    def _relative(self, path: str) -> str:
        if not posixpath.isabs(path) and not os.path.isabs(path):
            return path
        try:
            return os.path.relpath(path, self._absolute_root).replace(os.sep, "/")
        except ValueError:  # another drive
            return path


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _named(folder: str) -> str:
    return "the folder itself" if folder == "." else f"{folder}/"
