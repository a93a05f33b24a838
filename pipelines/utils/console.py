"""What commands say, and how they end."""

import functools
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import NoReturn

import typer

from captioner.errors import UserError

# Lines of absl, the logging library in TensorFlow, that are neither errors nor fatal.
_NOTICE = re.compile(rb"WARNING: All log messages before absl|[IW]\d{4} ")

FAILED, SKIPPED, STOPPED = 1, 3, 130


def command(app: typer.Typer, name: str | None = None):
    """Registers a function as a command: it ends with the status it returns, and errors become a sentence."""

    def register(function: Callable):
        @functools.wraps(function)
        def wrapped(*arguments, **options):
            try:
                status = function(*arguments, **options)
            except (UserError, FloatingPointError) as error:
                status = fail(str(error))
            except KeyboardInterrupt:
                stop("Stopped. The same command goes on from what was saved, if anything was.")
            except BrokenPipeError:
                raise  # whoever read the output has seen enough
            except OSError as error:
                status = fail(sentence(error))
            raise typer.Exit(status or 0)

        return app.command(name)(wrapped)

    return register


def load_keras() -> None:
    """Imports Keras and its backend without their notices about oneDNN and CUDA, which tell users nothing.

    TensorFlow writes them to the file of standard error itself, whatever `TF_CPP_MIN_LOG_LEVEL` says. Everything
    else that is written meanwhile is written afterwards.
    """
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            import keras  # noqa: F401
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            os.write(2, b"".join(line for line in written if not _NOTICE.match(line)))


def printable(text: str, keep: str = "") -> str:
    """Text that cannot move the cursor, colour the terminal or break the line.

    >>> printable("a\\x1b[31m\\nb.jpg")
    'a\\\\x1b[31m\\\\nb.jpg'
    """
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )


def log(text: str, error: bool = False) -> None:
    """Prints text of any origin; `error` sends it to standard error."""
    typer.echo(printable(text, keep="\n\t"), err=error)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> None:
    """Prints a table; with `numbers` all columns but the first are, which stand to the right and are never broken."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*(escape(printable(name)) for name in head), box=SIMPLE_HEAD, pad_edge=False)
    if numbers:
        drawn.padding = (0, 1, 0, 0)
        drawn.columns[0].overflow = "fold"
        for column in drawn.columns[1:]:
            column.justify, column.no_wrap = "right", True
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(drawn)


def fail(text: str) -> int:
    log(text, error=True)
    return FAILED


def sentence(error: OSError) -> str:
    """What an error of the operating system means to a person; it names the file.

    >>> sentence(PermissionError(13, "Permission denied", "runs/a.csv"))
    'runs/a.csv cannot be used: you may not read or write it (permission denied).'
    """
    import errno

    name = os.fsdecode(error.filename) if error.filename else "A file"
    reasons = {
        errno.ENOSPC: "the disk is full. Free some space; the same command goes on",
        errno.EROFS: "its disk is read-only",
        errno.EACCES: "you may not read or write it (permission denied)",
        errno.ENOENT: "there is no such file or folder",
        errno.ENOTDIR: "part of its path is a file, not a folder",
        errno.EISDIR: "it is a folder",
    }
    return f"{name} cannot be used: {reasons.get(error.errno, error.strerror or str(error))}."


def stop(text: str) -> NoReturn:
    """Ends at once: threads that compute cannot be interrupted, and nothing is lost by leaving them."""
    log(f"\n{text}", error=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STOPPED)
