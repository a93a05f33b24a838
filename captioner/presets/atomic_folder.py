"""Replaces several files of a folder at once: a kill at any moment leaves all of the old files or all of the new ones.

    preset.new/      the new files while they are written; what a kill leaves in it is thrown away
    preset.ready/    the same folder once it is complete; from here on the new files count

Renaming the folder is the step that decides. Its files then move up one by one, and until the last has moved
`current_path` finds each where it is. A kill between two moves leaves files that are read through `current_path`; the
next writer moves the rest.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

NEW, READY = "preset.new", "preset.ready"


def current_path(folder: Path, name: str) -> Path:
    """Where a file of the folder is now."""
    ready = folder / READY / name
    return ready if ready.is_file() else folder / name


@contextlib.contextmanager
def replace_files(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write new files to, which replace those of the same names at the end.

    After an error nothing has changed.
    """
    finish_replacement(folder)
    new = folder / NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        for path in new.iterdir():
            _flush_to_disk(path, os.O_RDWR)
        _flush_to_disk(new)
        os.rename(new, folder / READY)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    _flush_to_disk(folder)
    finish_replacement(folder)


def finish_replacement(folder: Path) -> None:
    """Moves complete new files up; also those that a kill left behind."""
    ready = folder / READY
    if ready.is_dir():
        for path in sorted(ready.iterdir()):
            os.replace(path, folder / path.name)
        ready.rmdir()


def file_version(folder: Path, name: str) -> tuple:
    """A value that changes when a file is replaced or moved."""
    try:
        status = current_path(folder, name).stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, (folder / READY).is_dir())


def _flush_to_disk(path: Path, flags: int = os.O_RDONLY) -> None:
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
