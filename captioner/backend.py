"""Keras and its backend: loaded quietly, in the state that the networks are made for, and in one process.

What is wrong with an installation is an error that says what to do, for the command line and for scripts alike.
"""

import contextlib
import importlib
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from captioner.errors import UserError, nearest

BACKENDS = {"tensorflow": "'captioner[cpu]'", "jax": "jax", "torch": "torch"}  # name -> what pip installs

# What networks, weights and features are made for. `keras.json` may hold something else, and Keras takes it silently.
_STATE = {"image_data_format": "channels_last", "floatx": "float32", "dtype_policy": "float32"}
# Lines of absl, the logging library in TensorFlow, that are neither errors nor fatal.
_NOTICE = re.compile(rb"WARNING: All log messages before absl|[IW]\d{4} ")

# Keras warns of attention over a single position, which is what an encoder of vectors gives.
warnings.filterwarnings("ignore", message="You are using a softmax over axis")

_process: int | None = None  # in which models are used


def load_keras() -> None:
    """Imports Keras and its backend without their notices about oneDNN and CUDA, which tell users nothing.

    Raises:
        UserError: the backend is not installed or does not exist, or `keras.json` is damaged.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is loaded
    with _without_notices():
        try:
            importlib.import_module("keras")
        except Exception as error:  # the settings in keras.json fail in any way whatever
            expected = isinstance(error, ImportError | ValueError)
            raise UserError(_why_not_loaded(error)) from (None if expected else error)


def missing_package(error: ImportError) -> str:
    """A sentence about a package that is not installed, or whose libraries cannot be loaded."""
    package = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        what = f"The package {package} is needed and not installed"
    else:
        what = f"The package {package or 'of Keras'} cannot be loaded ({' '.join(str(error).split())})"
    return f"{what}. Install it with: pip install {BACKENDS.get(package, package)}"


def _why_not_loaded(error: Exception) -> str:
    if isinstance(error, ImportError):
        other = ", or use TensorFlow: KERAS_BACKEND=tensorflow" if error.name in ("jax", "torch") else ""
        return f"{missing_package(error)}{other}."
    text = " ".join(str(error).split()).rstrip(".")
    if "Unable to import backend" in text:
        name = text.rpartition(" ")[2]
        return (
            f"Keras has no backend called {name!r} (KERAS_BACKEND, or keras.json). Set KERAS_BACKEND to one of "
            f"{', '.join(BACKENDS)}.{nearest(name, BACKENDS)}"
        )
    return (
        f"Keras cannot be loaded: {text or type(error).__name__}. If its settings in {keras_json()} are damaged, "
        "delete this file: Keras writes it anew."
    )


def keras_json() -> str:
    """Where Keras reads its settings."""
    return os.path.join(os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras"), "keras.json")


def set_keras_state() -> None:
    """Sets Keras to what networks need, whatever `keras.json` says; for programs that own their process."""
    import keras

    for name, value in {**_STATE, "epsilon": 1e-7}.items():
        getattr(keras.config, f"set_{name}")(value)


def require_usable_backend() -> None:
    """What has to hold before networks are made: see `require_own_process` and `require_keras_state`."""
    require_own_process()
    require_keras_state()


def require_keras_state() -> None:
    """Refuses another state of Keras, with which networks fail or compute nonsense.

    Raises:
        UserError: it is another, or so is the backend: Keras has some that only run what others have built.
    """
    import keras

    if keras.config.backend() not in BACKENDS:
        raise UserError(
            f"Keras runs on {keras.config.backend()!r}, on which these networks cannot be built. Set KERAS_BACKEND (or "
            f"the backend in {keras_json()}) to one of {', '.join(BACKENDS)}."
        )
    present = {
        "image_data_format": keras.config.image_data_format(),
        "floatx": keras.config.floatx(),
        "dtype_policy": keras.config.dtype_policy().name,
    }
    wrong = {name: value for name, value in present.items() if value != _STATE[name]}
    if wrong:
        settings = " and ".join(f"{name} = {value!r}" for name, value in wrong.items())
        calls = " and ".join(f"keras.config.set_{name}({_STATE[name]!r})" for name in wrong)
        raise UserError(
            f"Keras is set to {settings}, with which these networks fail or compute nonsense. Call {calls} before a "
            f"model is made, or change it in {keras_json()}."
        )


def require_own_process() -> None:
    """Refuses to compute in the fork of a process in which models were used.

    A fork has none of the backend's threads, and the first computation would wait for them for ever.

    Raises:
        UserError: this is such a fork.
    """
    global _process
    _process = _process or os.getpid()
    if _process != os.getpid():
        raise UserError(
            "This process is a fork of one that used models, and would wait for ever for threads that a fork does not "
            'have. Start processes with multiprocessing.get_context("spawn"), and call from_preset in each of them.'
        )


def predict_on_batch(network, inputs) -> Any:
    """`network.predict_on_batch(inputs)`, for a network that is compiled once for each shape.

    Keras makes all networks of one function, so TensorFlow takes a few of them for one that is compiled too often, and
    warns.

    Raises:
        UserError: see `require_own_process`.
    """
    require_own_process()
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_other_than_retracing)
    try:
        return network.predict_on_batch(inputs)
    finally:
        logger.removeFilter(_other_than_retracing)


def _other_than_retracing(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in str(record.msg)


@contextlib.contextmanager
def _without_notices() -> Iterator[None]:
    """Holds back what is written to the file of standard error, and passes on all but notices afterwards.

    TensorFlow writes them there itself, whatever `TF_CPP_MIN_LOG_LEVEL` says.
    """
    try:
        written = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        kept = os.dup(2)
    except OSError:  # nothing may be written anywhere, or standard error is closed
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            if other := b"".join(line for line in written if not _NOTICE.match(line)):
                os.write(2, other)
