"""Replaces several files of a folder at once: a kill at any moment leaves all of the old files or all of the new ones.

    preset.new.*     the new files while they are written; what a kill leaves in it is thrown away
    preset.ready/    the same folder once it is complete; from here on the new files count

Renaming the folder is the step that decides. Its files then move up one by one, and until the last has moved
`current_path` finds each where it is. A kill between two moves leaves files that are read through `current_path`; the
next writer moves the rest.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from captioner.files import as_user_error, flush_folder, keep_owner_and_mode, locked_folder, refuse_link

NEW, READY = "preset.new.", "preset.ready"


def current_path(folder: Path, name: str) -> Path:
    """Where a file of the folder is now."""
    ready = folder / READY
    return ready / name if not ready.is_symlink() and (ready / name).is_file() else folder / name


@contextlib.contextmanager
def replace_files(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write new files to, which replace those of the same names at the end.

    After an error nothing has changed.

    Raises:
        UserError: another process writes to the folder, or what would be replaced is a link.
    """
    with locked_folder(folder):
        finish_replacement(folder)
        for left in folder.glob(f"{NEW}{'[0-9a-f]' * 16}"):
            shutil.rmtree(left, ignore_errors=True)  # which follows no link
        new = folder / f"{NEW}{secrets.token_hex(8)}"
        new.mkdir()
        try:
            yield new
            for path in new.iterdir():
                with open(path, "r+b") as file:
                    keep_owner_and_mode(file, folder / path.name)
                    os.fsync(file.fileno())
            flush_folder(new)
            os.rename(new, folder / READY)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        flush_folder(folder)
        finish_replacement(folder)


def finish_replacement(folder: Path) -> None:
    """Moves complete new files up; also those that a kill left behind.

    Raises:
        UserError: they cannot be moved.
    """
    ready = folder / READY
    refuse_link(ready)
    if ready.is_dir():
        with as_user_error(folder):
            for path in sorted(ready.iterdir()):
                os.replace(path, folder / path.name)
            ready.rmdir()
        flush_folder(folder)


def file_version(folder: Path, name: str) -> tuple:
    """A value that changes when a file is replaced or moved."""
    try:
        status = current_path(folder, name).stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, (folder / READY).is_dir())
