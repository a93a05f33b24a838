"""Weights files: written without what only training needs, and checked before they are loaded.

A stranger's file must fit the model, and do nothing else.
"""

from pathlib import Path

import h5py
import numpy as np

from captioner.errors import UserError

OPTIMIZER = "optimizer"  # the group at the top of a file that holds a training's optimizer


def save_weights(network, path: Path, half_precision: bool = False) -> None:
    """Writes the weights of a network, without the optimizer, which is twice as large as they are.

    Args:
        network: a Keras model, whose optimizer would be saved with it.
        path: of a new `.weights.h5` file.
        half_precision: as float16 in place of float32; a network that loads them gets float32 again. Numbers lose all
            but three digits, which captions survive: see docs/results.md.
    """
    whole = path.with_name(f"whole.{path.name}")
    network.save_weights(whole)
    try:
        with h5py.File(whole) as source, h5py.File(path, "w") as target:
            _copy(source, target, half_precision)
    finally:
        whole.unlink()


def _copy(source: h5py.Group, target: h5py.Group, half_precision: bool) -> None:
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            if item.name != f"/{OPTIMIZER}":
                _copy(item, target.create_group(name), half_precision)
        else:
            half = half_precision and item.dtype == np.float32
            target.create_dataset(name, data=item[()].astype(np.float16) if half else item[()]).attrs.update(item.attrs)


def load_checked_weights(network, path: Path) -> None:
    """Loads the weights of a built network from a file that was looked at first.

    Raises:
        UserError: see `check_weights`; or the numbers are as many, but otherwise arranged.
    """
    check_weights(path, int(network.count_params()))
    try:
        network.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} does not fit config.json beside it: {_first_line(error)}") from None


def check_weights(path: Path, numbers: int) -> None:
    """Refuses a file that leads elsewhere, or that holds more or fewer numbers than the model.

    HDF5 files can name other files of the machine they are read on, and claim sizes that fill its memory.

    Args:
        path: a `.weights.h5` file.
        numbers: how many the model has in all.

    Raises:
        UserError: the file is no HDF5 file, or does not fit.
    """
    try:
        with h5py.File(path) as file:
            held = _count(file, path)
    except UserError:
        raise
    except Exception as error:  # a reader that is fed arbitrary bytes may fail in any way
        raise UserError(f"{path} is damaged: it cannot be read as a weights file ({_first_line(error)}).") from None
    if held != numbers:
        raise UserError(
            f"{path} does not fit config.json beside it: it holds {held:,} numbers, the model has {numbers:,}. One of "
            "the two is from another model."
        )


def _count(group: h5py.Group, path: Path) -> int:
    held = 0
    for name in group:
        if name == OPTIMIZER and group.name == "/":
            continue  # of a training; it is not loaded
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise UserError(f"{path} cannot be used: {group.name}/{name} in it is a link to another place or file.")
        item = group[name]
        if isinstance(item, h5py.Group):
            held += _count(item, path)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise UserError(f"{path} cannot be used: {item.name} in it takes its numbers from another file.")
            held += (item.size or 0) if item.dtype.kind == "f" else 0  # the state of a random generator is no weight
    return held


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
