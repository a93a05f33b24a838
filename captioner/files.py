"""How files are written: as a whole or not at all, by one process at a time, and never through a link of somebody else.

Whole. A file is written under a random name in its own folder, which is created exclusively; what it holds is on the
disk (fsync) before it takes the place of the one before it, and so is the new name before the program goes on. Mode and
owner of a file that is replaced stay.

One process. `locked_folder` and `locked_file` refuse a second writer at once. Their locks end with their process,
however that ends. Where a file system knows no locks, the program goes on without.

Links. A file that the user names, such as that of `--output`, may be a link (`follow_link`): it stays one, and what it
leads to is replaced. What the program names itself, inside of a folder that the user names, is never written through a
link, neither of a file nor of a folder: a folder may come from somebody else. Reading follows all links.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from captioner.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

LOCK = ".lock"
_LONGEST_NAME = 255  # bytes, on most disks
_TEMPORARY = re.compile(r".+\.[0-9a-f]{16}\.captioner-part")
_HELD: dict[str, tuple[int, BinaryIO]] = {}  # path of a lock -> the thread that has it, and the open file

REASONS = {
    errno.ENOSPC: "the disk is full. Free some space.",
    errno.EFBIG: "the file would be larger than this disk or your limits allow. Free some space.",
    errno.EDQUOT: "your share of the disk is used up. Free some space.",
    errno.EROFS: "its disk is read-only. Give another place.",
    errno.EACCES: "you may not write there. Give another place.",
    errno.EPERM: "you may not write there. Give another place.",
    errno.EISDIR: "it is a folder. Give the name of a file.",
    errno.ENOTDIR: "part of its path is a file, not a folder. Give another place.",
    errno.EEXIST: "part of its path is a file, not a folder. Give another place.",
}


class FileThere(UserError):
    """A file that was to be new is there already; it is as it was."""


class as_user_error:
    """Turns errors of the disk into a sentence that names the file.

    >>> with as_user_error(Path("captions.jsonl")):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    captioner.errors.UserError: captions.jsonl cannot be written: the disk is full. Free some space.
    """

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if isinstance(error, OSError):
            reason = REASONS.get(error.errno, f"{error.strerror or error}.")
            raise UserError(f"{self.path} cannot be written: {reason}") from error


# Whole files.


@contextlib.contextmanager
def atomic_file(
    path: Path, *, follow_link: bool = False, replace: bool = True, flush: bool = True
) -> Iterator[BinaryIO]:
    """Gives an open binary file that replaces `path` at the end, or is removed after an error.

    Args:
        path: the file.
        follow_link: the user named it, so that it may be a link, see above.
        replace: whether there may be a file already.
        flush: wait until it is on the disk; else `flush_files` has to follow, which is faster for thousands of them.

    Raises:
        FileThere: there is a file, and `replace` is false.
        UserError: it cannot be written, or is a link, a device or a pipe; what was there before is still there.

    Example:

        with atomic_file(folder / "curves.png") as file:
            figure.savefig(file, format="png")
    """
    with as_user_error(path):
        if not replace and os.path.lexists(path):
            raise FileThere(f"{path} cannot be written: there is a file already. Give another place.")
        target, status = _target(path, follow_link)
        temporary, file = _create(target, 0o666 if status is None else 0o600)
        try:
            with file:
                keep_owner_and_mode(file, target)
                yield file
                file.flush()
                if flush:
                    os.fsync(file.fileno())
            if replace or not _link(temporary, target):
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        if flush:
            flush_folder(target.parent)


def atomic_write(path: Path, data: str | bytes, *, follow_link: bool = False, replace: bool = True) -> None:
    """Writes a whole file; lone surrogates in a text become escapes. Arguments and errors as of `atomic_file`."""
    with atomic_file(Path(path), follow_link=follow_link, replace=replace) as file:
        file.write(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)


def open_to_append(path: Path, *, follow_link: bool = False) -> BinaryIO:
    """Opens a file that is read and appended to, unbuffered; it is made if it is not there.

    A file that has other names, too (a hard link), becomes one of its own: what is appended stays here.

    Raises:
        UserError: as of `atomic_file`.
    """
    with as_user_error(path):
        target, status = _target(path, follow_link)
        if status is not None and status.st_nlink > 1:
            with open_regular(target) as shared, atomic_file(target) as own:
                shutil.copyfileobj(shared, own)
        file = open(target, "a+b", buffering=0, opener=_opener(0o666))  # noqa: SIM115, the caller's
        if status is None:
            flush_folder(target.parent)
        return file


def open_regular(path: Path) -> BinaryIO:
    """Opens a file to read: not a pipe, which would be waited for, nor a device, which may have no end.

    Raises:
        UserError: it is something else.
        OSError: it cannot be opened.
    """
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115, the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UserError(f"{path} cannot be read: a file was expected, this is a device or a pipe.")
    return file


def make_folder(folder: Path, below: Path | None = None) -> Path:
    """Makes a folder, and those that it is in; they are on the disk then.

    Args:
        folder: may be there.
        below: the folder that the user named: what lies between the two is no link.

    Raises:
        UserError: it cannot be made, or is a link.
    """
    folder = Path(folder)
    with as_user_error(folder):
        if below is not None:
            for part in (folder, *folder.parents[: len(folder.relative_to(below).parts) - 1]):
                if part != Path(below):
                    refuse_link(part)
        _make(folder)
    return folder


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Gives a new folder that takes the place of `path` at the end, or is removed after an error.

    Args:
        path: nothing, or an empty folder.

    Raises:
        UserError: something is there, or it cannot be written.
    """
    path = Path(os.path.abspath(path))
    with as_user_error(path):
        if os.path.lexists(path) and (not path.is_dir() or any(path.iterdir())):
            raise UserError(f"{path} is there already. Give another folder with --out.")
        make_folder(path.parent)
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        new.mkdir()
        try:
            yield new
            if path.exists():
                path.rmdir()
            os.replace(new, path)
            flush_folder(path.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _missing(folder: Path) -> list[Path]:
    """Those of a folder and of the folders that it is in that are not there, the innermost first."""
    return [part for part in (folder, *folder.parents) if not part.exists()]


def _make(folder: Path) -> None:
    missing = _missing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for part in reversed(missing):
        flush_folder(part.parent)


def cache_folder() -> Path:
    """Where exported and downloaded models are kept: `captioner` in the user's cache, or what CAPTIONER_CACHE names."""
    chosen = os.environ.get("CAPTIONER_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "captioner"


def flush_files(paths: Sequence[Path]) -> None:
    """Waits until files, and their names, are on the disk; several at once share a write of the disk.

    Raises:
        UserError: one of them cannot be written there.
    """

    def flush(path: Path) -> None:
        with as_user_error(path), open(path, "r+b") as file:
            os.fsync(file.fileno())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(flush, paths))
    for folder in {path.parent for path in paths}:
        flush_folder(folder)


def flush_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk, where the system can do that."""
    with contextlib.suppress(OSError):  # a folder cannot be opened on Windows
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _target(path: Path, follow_link: bool) -> tuple[Path, os.stat_result | None]:
    """The file itself in its real folder, and what it is now, if it is there."""
    path = Path(path)
    target = Path(os.path.realpath(path)) if follow_link else Path(os.path.realpath(path.parent)) / path.name
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return target, None
    refuse_link(target)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path} cannot be written: it is a device or a pipe. Give the name of a file.")
    return target, status


def keep_owner_and_mode(file: BinaryIO, replaced: Path) -> None:
    """Gives a new file the owner and the mode of the file that it will replace, if there is one.

    Raises:
        UserError: that one is a link.
    """
    refuse_link(replaced)
    if not hasattr(os, "fchmod") or not replaced.exists():
        return
    now, before = os.fstat(file.fileno()), os.stat(replaced)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        with contextlib.suppress(OSError):  # only root may give files away
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
    os.fchmod(file.fileno(), before.st_mode & 0o777)


def refuse_link(path: Path) -> None:
    """
    Raises:
        UserError: it is a link.
    """
    if os.path.islink(path):
        raise UserError(
            f"{path} cannot be written: it is a link to {os.readlink(path)}, and only a file that you name yourself is "
            "written through a link. Remove the link, or give another place."
        )


def _create(target: Path, mode: int) -> tuple[Path, BinaryIO]:
    """A new file beside `target`."""
    while True:
        ending = f".{secrets.token_hex(8)}.captioner-part"  # nobody can guess it
        temporary = target.with_name(target.name + ending)
        if len(os.fsencode(temporary.name)) > _LONGEST_NAME:
            name = hashlib.blake2b(os.fsencode(target.name), digest_size=16).hexdigest()
            temporary = target.with_name(name + ending)
        file = open(temporary, "x+b", opener=_opener(mode))  # noqa: SIM115
        # Its lock says that the file's process lives: `remove_leftovers` removes the others.
        if _try_lock(file) is not False and os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()


def _link(temporary: Path, target: Path) -> bool:
    """Gives a file its name, which nobody may have taken meanwhile; False where the disk cannot do that."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileThere(f"{target} cannot be written: there is a file already. Give another place.") from None
    except OSError:
        return False
    os.unlink(temporary)
    return True


def _opener(mode: int):
    """Opens no link, and waits for no pipe."""
    more = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return lambda name, flags: os.open(name, flags | more, mode)


# One process at a time.


@contextlib.contextmanager
def locked_folder(folder: Path, wait: float = 0.0) -> Iterator[Path]:
    """Makes a folder, and refuses all other processes and threads that want to write to it.

    Whoever has the folder may lock it once more. It is removed again if it was not there and nothing was written to it.

    Args:
        wait: seconds to wait for another process, where it can only take moments.

    Raises:
        UserError: another process writes to it, or it cannot be written.
    """
    folder = Path(folder)
    missing = _missing(folder)
    make_folder(folder)
    if _HELD.get(_key(folder / LOCK), (None, None))[0] == threading.get_ident():
        yield folder  # as when a training writes its model
        return
    try:
        with _locked(folder / LOCK, folder, wait):
            yield folder
    finally:
        with contextlib.suppress(OSError):  # one is not empty
            for part in missing:
                part.rmdir()


@contextlib.contextmanager
def locked_file(path: Path, *, follow_link: bool = False) -> Iterator[Path]:
    """Refuses all other processes and threads that want to write a file meanwhile; its folder is made.

    Raises:
        UserError: another process writes it, or it cannot be written.
    """
    path = Path(path)
    with as_user_error(path):
        _make(path.parent)
    target = Path(os.path.realpath(path)) if follow_link else path
    with _locked(target.with_name(target.name + LOCK), path):
        yield path


def release_locks() -> None:
    """Removes the files of all locks: before the process ends without a chance to do so later."""
    for lock in list(_HELD):
        with contextlib.suppress(OSError):
            os.unlink(lock)


@contextlib.contextmanager
def _locked(lock: Path, path: Path, wait: float = 0.0) -> Iterator[None]:
    key = _key(lock)
    file = _acquire(Path(key), path, wait)
    _HELD[key] = (threading.get_ident(), file)
    try:
        remove_leftovers(Path(key).parent, lock.name.removesuffix(LOCK))
        yield
    finally:
        del _HELD[key]
        with contextlib.suppress(OSError):  # on Windows an open file cannot be removed
            os.unlink(key)
        file.close()


def _key(lock: Path) -> str:
    return os.path.join(os.path.realpath(lock.parent), lock.name)


def _acquire(lock: Path, path: Path, wait: float) -> BinaryIO:
    started = time.monotonic()
    while True:
        with as_user_error(path):
            _target(lock, follow_link=False)
            file = open(lock, "a+b", buffering=0, opener=_opener(0o666))  # noqa: SIM115, closed by `_locked`
        try:
            while _try_lock(file) is False:
                if time.monotonic() - started < wait:
                    time.sleep(0.02)
                    continue
                raise UserError(
                    f"{path} is being written by another process. Wait until it has ended, or give another place."
                )
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.lstat(lock)):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()  # whoever had the lock removed the file meanwhile


def _try_lock(file: BinaryIO) -> bool | None:
    """Whether the file is locked now: False where another process has the lock, None where there are no locks."""
    try:
        if fcntl:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif file.name.endswith(LOCK):  # locked bytes could not be written by others of the same process either
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK) else None
    return True


def remove_leftovers(folder: Path, beginning: str = "") -> None:
    """Removes what killed processes left unfinished in a folder: files whose names begin so."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(beginning) and _TEMPORARY.fullmatch(entry.name):
                with contextlib.suppress(OSError), open(entry, "r+b", opener=_opener(0)) as file:
                    if _try_lock(file):
                        os.unlink(entry)
