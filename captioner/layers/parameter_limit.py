"""A limit to what is built: a network larger than its weights file is given up before it takes memory."""

import contextlib
import math
import threading
from collections.abc import Iterator

import keras

_LOCK = threading.RLock()
_THREAD = threading.local()


class TooManyParameters(BaseException):
    """A network has more parameters than it may. After an `Exception` Keras would try to build it once more."""


@contextlib.contextmanager
def limited_parameters(most: int) -> Iterator[None]:
    """Counts what the layers that are built within it have, those of `uncounted_parameters` excepted.

    Raises:
        TooManyParameters: before memory is taken for the first array beyond `most` numbers.

    >>> with limited_parameters(10):
    ...     keras.layers.Dense(2).build((None, 4))
    >>> with limited_parameters(10):
    ...     keras.layers.Dense(1_000_000).build((None, 1_000_000))
    Traceback (most recent call last):
    captioner.layers.parameter_limit.TooManyParameters: more than 10
    """
    add_weight, thread, count = keras.layers.Layer.add_weight, threading.get_ident(), 0

    def counted(layer, shape=None, *arguments, **options):
        nonlocal count
        if threading.get_ident() == thread and not getattr(_THREAD, "uncounted", False):
            count += math.prod(shape or ())
            if count > most:
                raise TooManyParameters(f"more than {most:,}")
        return add_weight(layer, shape, *arguments, **options)

    with _LOCK:  # one network at a time
        keras.layers.Layer.add_weight = counted
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight


@contextlib.contextmanager
def uncounted_parameters() -> Iterator[None]:
    """Within it, layers are those of a public network, which is no part of a weights file."""
    before, _THREAD.uncounted = getattr(_THREAD, "uncounted", False), True
    try:
        yield
    finally:
        _THREAD.uncounted = before
