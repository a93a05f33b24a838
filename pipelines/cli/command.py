"""How commands end: with an exit status, and with a sentence where something is wrong."""

import contextlib
import errno
import functools
import os
import re
import shlex
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import typer

from captioner.backend import missing_package
from captioner.errors import UserError, is_address
from captioner.files import locked_file, release_locks
from captioner.remote import is_remote
from pipelines.utils.console import log

FAILED, SKIPPED, STOPPED = 1, 3, 130

_REASONS = {
    errno.ENOSPC: "the disk is full. Free some space; the same command goes on",
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "you may not read or write it (permission denied)",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "part of its path is a file, not a folder",
    errno.EISDIR: "it is a folder",
}


# Commands -> their options that may be addresses of a store (`captioner.remote`).
_STORED = {"caption": {"paths", "model", "output"}, "ask": {"model", "output"}}


def command(app: typer.Typer, name: str | None = None):
    """Registers a function as a command: it ends with the status that it returns, and errors become a sentence."""

    def register(function: Callable):
        @functools.wraps(function)
        def wrapped(*arguments, **options):
            try:
                refuse_addresses(options, _STORED.get(function.__name__, ()))
                status = function(*arguments, **options)
            except (UserError, FloatingPointError) as error:
                status = fail(str(error))
            except KeyboardInterrupt:
                stop("Stopped. The same command goes on from what was saved, if anything was.")
            except BrokenPipeError:
                raise  # whoever read the output has seen enough
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] in ("captioner", "pipelines"):
                    raise  # a fault of the program, which a traceback shows
                status = fail(f"{missing_package(error)}.")
            except OSError as error:
                status = fail(sentence(error))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                status = fail(
                    "There is not enough memory for this. Take fewer images at once (--batch-size), a smaller model or "
                    "smaller images, or close other programs."
                )
            raise typer.Exit(status or 0)

        return app.command(name)(wrapped)

    return register


def is_out_of_memory(error: Exception) -> bool:
    """Whether Python, NumPy or the backend of Keras could not get the memory that it asked for."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )


def refuse_addresses(options: Mapping[str, object], stored: Container[str] = ()) -> None:
    """Refuses an address where the path of a file is meant.

    Args:
        options: of a command.
        stored: those that may be addresses of a store.
    """
    for name, value in options.items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path) and is_address(path) and not path.exists():
                if name in stored and is_remote(path):
                    continue
                address = re.sub(":/", "://", str(path), count=1)
                raise UserError(
                    f"{address} is an address, and only files of this machine are read and written. Download it first, "
                    "and give the path of the file."
                )


def new_file(path: Path, option: str) -> None:
    """Lets a file that is there be replaced only by somebody who says so.

    Args:
        path: of a file that a command is to write.
        option: that named it.

    Raises:
        UserError: it is there, and nobody can be asked or the answer is no.
    """
    if not os.path.lexists(path):
        return
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not (asked and typer.confirm(f"{path} exists already. Replace it?", err=True)):
        raise UserError(f"{path} exists already. Nothing was changed: give another {option}, or move that file away.")


@contextlib.contextmanager
def claimed_file(path: Path | None, option: str) -> Iterator[None]:
    """`new_file`, and no other process writes it meanwhile; nothing where there is no path.

    Raises:
        UserError: see `new_file`; or another process writes it.
    """
    if path is None:
        yield
        return
    with locked_file(path, follow_link=True):
        new_file(path, option)
        yield


def command_line() -> str:
    """The command as it was typed, for reports to state."""
    return shlex.join(["captioner", *sys.argv[1:]])


def fail(text: str) -> int:
    log(text, error=True)
    return FAILED


def sentence(error: OSError) -> str:
    """What an error of the operating system means to a person; it names the file.

    >>> sentence(PermissionError(13, "Permission denied", "runs/a.csv"))
    'runs/a.csv cannot be used: you may not read or write it (permission denied).'
    """
    name = os.fsdecode(error.filename) if error.filename else "A file, or the output,"
    return f"{name} cannot be used: {_REASONS.get(error.errno, error.strerror or str(error))}."


def stop(text: str) -> NoReturn:
    """Ends at once: threads that compute cannot be interrupted, and nothing is lost by leaving them."""
    log(f"\n{text}", error=True)
    release_locks()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STOPPED)
