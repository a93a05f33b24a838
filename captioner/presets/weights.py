"""Weights files: written without what only training needs, and checked before they are loaded.

A stranger's file must fit the model, and do nothing else. What an HDF5 file says is compared with the network before a
number of it is read: it can name other files of the machine it is read on, lead in circles, and claim sizes that it
does not have.
"""

import io
import math
from pathlib import Path

import h5py
import numpy as np

from captioner.errors import UserError
from captioner.files import open_regular

OPTIMIZER = "optimizer"  # the group at the top of a file that holds a training's optimizer
_FLOATS = (np.dtype("float16"), np.dtype("float32"))  # a network of single precision takes both
_DEEPEST, _MOST_OBJECTS = 50, 100_000

Layout = dict[str, tuple[tuple[int, ...], np.dtype]]  # path in a file -> shape and type of what is there


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
        UserError: see `check_weights`.
    """
    check_weights(path, network)
    try:
        network.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} does not fit config.json beside it: {_first_line(error)}") from None


def check_weights(path: Path, network) -> None:
    """Refuses a file whose arrays are not just those of a network, by path, shape and type.

    Args:
        path: a `.weights.h5` file.
        network: a built Keras model.

    Raises:
        UserError: see `read_layout`; or an array is missing, one too many, or of another shape or type.
    """
    held, expected = read_layout(path), layout_of(network)
    for name in sorted(expected.keys() | held.keys()):
        if held.get(name, ())[:1] != expected.get(name, ())[:1] or not _fits(held[name][1], expected[name][1]):
            there, wanted = (_described(layout.get(name)) for layout in (held, expected))
            raise UserError(
                f"{path} does not fit config.json beside it: {name} is {there}, the model has {wanted}. One of the two "
                "is from another model."
            )


def _fits(held: np.dtype, expected: np.dtype) -> bool:
    return held == expected or (held in _FLOATS and expected in _FLOATS)


def _described(entry: tuple | None) -> str:
    return "missing" if entry is None else f"{entry[1]} of shape {entry[0]}"


def layout_of(network) -> Layout:
    """What Keras writes for a network, and looks for when it loads one."""

    class Memory(io.BytesIO):
        def __str__(self):
            return "memory.weights.h5"  # Keras writes to anything that is called so

    memory = Memory()
    network.save_weights(memory)
    layout: Layout = {}
    with h5py.File(memory) as file:
        file.visititems(
            lambda name, item: layout.update({name: (item.shape, item.dtype)} if isinstance(item, h5py.Dataset) else {})
        )
    return {name: entry for name, entry in layout.items() if not name.startswith(f"{OPTIMIZER}/")}


def read_layout(path: Path) -> Layout:
    """The arrays of a weights file, none of which was read: it costs no more than the file is large.

    Raises:
        UserError: it is no HDF5 file, or holds what no weights file has: links, arrays that are compressed, in another
            file or there twice, what is no number, or more than the file is large.
    """
    try:
        with open_regular(path) as file, h5py.File(file) as opened:
            layout = _scan(opened)
            size = file.seek(0, io.SEEK_END)
    except UserError as error:
        raise UserError(f"{path} cannot be used: {error}") from None
    except Exception as error:  # a reader that is fed arbitrary bytes may fail in any way
        raise UserError(f"{path} is damaged: it cannot be read as a weights file ({_first_line(error)}).") from None
    claimed = sum(math.prod(shape) * dtype.itemsize for shape, dtype in layout.values())
    if claimed > size:
        raise UserError(f"{path} cannot be used: it has {size:,} bytes and says that it holds {claimed:,}.")
    return layout


def count_numbers(layout: Layout) -> int:
    return sum(math.prod(shape) for shape, _ in layout.values())


def _scan(file: h5py.File) -> Layout:
    layout: Layout = {}
    seen, left = {_address(file)}, [("", file, 0)]
    while left:
        prefix, group, depth = left.pop()
        if depth > _DEEPEST:
            raise UserError(f"its groups are nested more than {_DEEPEST} deep.")
        for name in group:
            where = f"{prefix}{name}"[:200]
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UserError(f"{where} in it is a link to another place or file.")
            item = group[name]
            if _address(item) in seen:
                raise UserError(f"{where} in it is there a second time, under another name.")
            seen.add(_address(item))
            if len(seen) > _MOST_OBJECTS:
                raise UserError(f"it holds more than {_MOST_OBJECTS:,} groups and arrays.")
            if isinstance(item, h5py.Group):
                left.append((f"{prefix}{name}/", item, depth + 1))
            else:
                layout[f"{prefix}{name}"] = _look_at(where, item)
    return layout


def _address(item: h5py.Group | h5py.Dataset) -> tuple[int, int]:
    """What is the same for two names of one object."""
    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def _look_at(name: str, item: h5py.Dataset) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the type of an array that holds its numbers plainly."""
    if not isinstance(item, h5py.Dataset) or item.id.get_type().get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise UserError(f"{name} in it holds no numbers.")
    if item.external or item.is_virtual:
        raise UserError(f"{name} in it takes its numbers from another file.")
    plan = item.id.get_create_plist()
    if plan.get_nfilters() or item.id.get_storage_size() != item.size * item.dtype.itemsize:
        raise UserError(f"{name} in it is compressed or not there in full.")
    if len(item.attrs):  # Keras takes some for instructions
        raise UserError(f"{name} in it has attributes.")
    return item.shape, item.dtype


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
