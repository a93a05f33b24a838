"""Files written as a whole or not at all, with a sentence where the disk refuses."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from captioner.errors import UserError

_LONGEST_NAME = 255  # bytes, on most disks

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


@contextlib.contextmanager
def atomic_path(path: Path, shared: bool = False) -> Iterator[Path]:
    """Gives a temporary path to write to; that file replaces `path` at the end, or is removed after an error.

    Args:
        path: the file.
        shared: several processes may write it at once; each then has a temporary file of its own.

    Raises:
        UserError: it cannot be written; what was there before is still there.
    """
    ending = f".{os.getpid()}.part" if shared else ".part"
    temporary = path.with_name(path.name + ending)
    if len(os.fsencode(temporary.name)) > _LONGEST_NAME:
        temporary = path.with_name(hashlib.blake2b(os.fsencode(path.name), digest_size=16).hexdigest() + ending)
    try:
        with as_user_error(path):
            yield temporary
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def atomic_write(path: Path, data: str | bytes) -> None:
    """Writes a whole file; lone surrogates in a text become escapes.

    Raises:
        UserError: it cannot be written; what was there before is still there.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)
