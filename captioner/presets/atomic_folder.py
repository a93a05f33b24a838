"""Several files of a folder put in place as one: a kill at any moment leaves the old set or the new one, whole.

    preset.new/      the new files while they are written; whatever a kill leaves in it is thrown away
    preset.ready/    the same folder under the name that says it is whole; from here on the new set counts

Renaming the folder is the one step that decides. Its files then move to their places one by one, and until the last has
moved `place` finds each where it is. A kill between two moves leaves a set that is read through `place` and that the
next writer tidies up.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

NEW, READY = "preset.new", "preset.ready"


def place(folder: Path, name: str) -> Path:
    """Where a file of the folder's set is now."""
    ready = folder / READY / name
    return ready if ready.is_file() else folder / name


@contextlib.contextmanager
def new_set(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write a set of files to, which takes the place of the old set at the end.

    After an error nothing has changed.
    """
    finish(folder)
    new = folder / NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        for path in new.iterdir():
            _to_disk(path, os.O_RDWR)
        _to_disk(new)
        os.rename(new, folder / READY)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    _to_disk(folder)
    finish(folder)


def finish(folder: Path) -> None:
    """Moves what is ready to its place; also what a kill left over."""
    ready = folder / READY
    if ready.is_dir():
        for path in sorted(ready.iterdir()):
            os.replace(path, folder / path.name)
        ready.rmdir()


def state(folder: Path, name: str) -> tuple:
    """Something that differs once another set has come, or its files have moved, since it was last asked for."""
    try:
        status = place(folder, name).stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, (folder / READY).is_dir())


def _to_disk(path: Path, flags: int = os.O_RDONLY) -> None:
    try:
        descriptor = os.open(path, flags)
    except OSError:
        if flags == os.O_RDONLY:  # a folder cannot be opened on Windows
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError:
        if flags != os.O_RDONLY:
            raise
    finally:
        os.close(descriptor)
