"""The process of a command: its environment and its standard streams, made such that no library stumbles over them."""

import contextlib
import logging
import os
import sys

# Read when TensorFlow and Keras are loaded.
DEFAULTS = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}


def prepare() -> None:
    """Called once, before a command runs."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Figures are drawn into files, so a backend for a screen, or one that does not exist, means nothing to them.
    os.environ["MPLBACKEND"] = "agg"
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where its cache lies means nothing to users
    closed = [number for number in range(3) if not _is_open(number)]
    for number in closed:
        _open_nowhere(number)
    for stream in (sys.stdout, sys.stderr):
        # Captions in any language, also on a terminal of Windows-1252 or ASCII.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")
    if sys.getfilesystemencoding() == "ascii":
        print("File names are taken for ASCII, so other letters appear as escapes. Set PYTHONUTF8=1.", file=sys.stderr)
    if 1 in closed:
        print("Standard output is closed: what this command prints is lost.", file=sys.stderr)


def flush_output() -> None:
    """Writes out what is still to be printed; what nobody reads any more is dropped.

    Raises:
        OSError: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _open_nowhere(1)
    except OSError:
        _open_nowhere(1)  # or Python fails again when it ends
        raise


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_nowhere(number: int) -> None:
    """Connects a standard stream to nothing: a closed one is taken by the next file that is opened."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    name = ("stdin", "stdout", "stderr")[number]
    if getattr(sys, name) is None:
        setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
