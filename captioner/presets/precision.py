"""Weights in half the space."""

from pathlib import Path

import h5py
import numpy as np


def store_in_half_precision(path: Path) -> None:
    """Rewrites a `.weights.h5` file with float16 in place of float32; what loads it gets float32 again.

    Numbers lose all but three digits, which captions survive: see docs/results.md.
    """
    whole = path.with_name(path.name + ".whole")
    path.rename(whole)
    try:
        with h5py.File(whole) as source, h5py.File(path, "w") as target:
            source.visititems(lambda name, item: _copy(name, item, target))
    finally:
        whole.unlink()


def _copy(name: str, item, target: h5py.File) -> None:
    if isinstance(item, h5py.Group):
        copied = target.require_group(name)
    else:
        values = item[()]
        half = isinstance(values, np.ndarray) and values.dtype == np.float32
        copied = target.create_dataset(name, data=values.astype(np.float16) if half else values)
    for key, value in item.attrs.items():
        copied.attrs[key] = value
