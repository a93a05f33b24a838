"""What belongs to a data set's folder: nothing outside of it is read.

Data sets come from strangers, and what is in them ends up in models and reports that are sent to others. So what an
annotation file says never leads out of the folder: not by `../`, and not by a whole path. Links are another matter, as
people lay data out with them: a folder directly in the data's folder, or one in which the layout looks, such as
`images/train2014`, may be a link to anywhere, which is noted. Any other link that leads out, of a file or of a folder
further below, is reported and not read, unless the variable CAPTIONER_FOLLOW_LINKS is set: DVC, git-annex and `ln -s`
make such links by the thousand.

In the cache of Hugging Face's hub, where files of a snapshot are links to `blobs/` beside it, the data's folder is the
whole folder of the repository.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from captioner.errors import UserError

VARIABLE = "CAPTIONER_FOLLOW_LINKS"
REMEDY = f"copy it there, link its whole folder instead, or set {VARIABLE}=1 if the links are yours"
_READING: ContextVar[Path | None] = ContextVar("the data set that is being read", default=None)


def follows_links() -> bool:
    """Whether the user said that all links are to be followed."""
    return os.environ.get(VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


class Boundary:
    """The folder of a data set, and the folders that belong to it by links.

    Args:
        root: the data set's folder.
        folders: where its layout looks, relative to `root`; those that exist.
    """

    def __init__(self, root: Path | str, folders: Iterable[str] = ()):
        self.root = os.path.abspath(root)
        self._real = [_real_root(self.root)]
        real = {folder: os.path.realpath(os.path.join(self.root, folder)) for folder in (*folders, *self._linked())}
        self.linked = {folder: target for folder, target in real.items() if not self.holds(target)}
        self._real.extend(self.linked.values())

    def holds(self, real: str) -> bool:
        """Whether a real path, one without links, is in the data set's folder."""
        return any(_is_below(real, folder) for folder in self._real)

    def lies_in(self, folder: str) -> bool:
        """Whether a folder, a path that may be relative to `root`, is read."""
        path = os.path.normpath(os.path.join(self.root, folder))
        return (follows_links() and _is_below(path, self.root)) or self.holds(os.path.realpath(path))

    def _linked(self) -> Iterator[str]:
        """The folders directly in the data's folder that are links."""
        try:
            with os.scandir(self.root) as entries:
                yield from sorted(entry.name for entry in entries if entry.is_symlink() and entry.is_dir())
        except OSError:  # a folder that may be entered and not listed
            return


@contextmanager
def reading(root: Path) -> Iterator[None]:
    """While a data set is read: links of annotation files that lead out of its folder are refused.

    Args:
        root: its folder, or a table, which the user named and which may itself be a link.
    """
    token = _READING.set(root)
    try:
        yield
    finally:
        _READING.reset(token)


def refuse_link(path: Path) -> None:
    """Refuses an annotation file that is a link out of the data set that is being read; others are not looked at.

    Raises:
        UserError: it is one.
    """
    root = _READING.get()
    if root is None or path == root or not os.path.islink(path):
        return
    target = link_out(path, root if root.is_dir() else root.parent)
    if target:
        raise UserError(
            f"{path} is a link that leads out of the data's folder, to {target}, and was not read: {REMEDY}."
        )


def link_out(path: Path, root: Path) -> str:
    """Where a link in the folder `root` leads, if that is out of it and not followed; else an empty text."""
    target = os.path.realpath(path)
    inside = _is_below(target, _real_root(root)) or _is_below(target, os.path.realpath(path.parent))
    return "" if inside or follows_links() else target


def _real_root(root: Path | str) -> str:
    real = os.path.realpath(root)
    repository = os.path.dirname(os.path.dirname(real))
    in_hub = os.path.basename(os.path.dirname(real)) == "snapshots" and os.path.isdir(os.path.join(repository, "blobs"))
    return repository if in_hub else real


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
