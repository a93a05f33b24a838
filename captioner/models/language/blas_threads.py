"""How many threads NumPy's products use, where that can be told.

Two threads halve the time of a large product if two processor cores are free. If they are not, the threads wait for
each other, and the product takes a hundred times as long. NumPy itself has no way to choose; the OpenBLAS library that
comes with it does.
"""

import ctypes
import functools
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def blas_threads(count: int):
    """Within it products use so many threads. Nothing changes where NumPy was built with another library."""
    control = _control()
    if control is None:
        yield
        return
    get, put = control
    before = get()
    put(count)
    try:
        yield
    finally:
        put(before)


@functools.cache
def _control():
    """`(get, set)` of the OpenBLAS library in NumPy's wheels, or None."""
    package = Path(np.__file__).parent
    for path in [*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(path))  # the one that is loaded already
        except OSError:
            continue
        for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
            if hasattr(library, name.format("get")) and hasattr(library, name.format("set")):
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None
