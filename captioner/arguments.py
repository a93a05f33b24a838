"""What all models check of the arguments that people give: numbers, texts and names, each refused in a sentence."""

import math
import numbers
import operator
from collections.abc import Iterable

import numpy as np

from captioner.errors import UserError, nearest


def checked_count(name: str, value: object, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises:
        UserError: it is none.

    >>> checked_count("batch_size", -1)
    Traceback (most recent call last):
    captioner.errors.UserError: `batch_size` is a whole number from 1 up; received -1.
    """
    try:
        count = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < least:
        raise UserError(f"`{name}` is a whole number from {least} up; received {value!r}.")
    return count


def checked_number(name: str, value: object) -> float:
    """A finite number.

    Raises:
        UserError: it is none.
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise UserError(f"`{name}` is a number; received {value!r}.")


def checked_choice(name: str, value: object, known: tuple[str, ...]) -> str:
    """One of some names.

    Raises:
        UserError: it is another.
    """
    if value in known:
        return str(value)
    hint = nearest(value, known) if isinstance(value, str) else ""
    raise UserError(f"`{name}` is {' or '.join(map(repr, known))}; received {value!r}.{hint}")


def checked_texts(name: str, texts: object) -> list[str]:
    """A list of texts.

    Args:
        name: what they are called in messages, such as "texts".
        texts: any iterable of texts but a text, whose letters would be taken one by one.

    Raises:
        UserError: it is none, or one of them is no text.
    """
    if isinstance(texts, str | bytes):
        raise UserError(f"`{name}` is a list of texts, not a text: write [{_short(texts)}].")
    if not isinstance(texts, Iterable):
        raise UserError(f"`{name}` is a list of texts; received {_short(texts)}.")
    return [checked_text(f"{name}[{number}]", text) for number, text in enumerate(texts)]


def checked_text(name: str, text: object) -> str:
    """A text.

    Raises:
        UserError: it is none; None and NaN stand for missing ones in tables.
    """
    if isinstance(text, str):
        return text
    missing = " (a missing value)" if text is None or text != text else ""
    raise UserError(f"`{name}` is a text; received {_short(text)}{missing}. Leave it out, or replace it by a text.")


def checked_arrays(name: str, values: object, shape: tuple[int, ...], made_by: str) -> np.ndarray:
    """An array `(N, *shape)` of numbers; one that is an array already is returned as it is, even where it is on disk.

    Args:
        name: what it is called in messages, such as "features".
        values: an array, or nested lists.
        shape: of one of the N.
        made_by: what makes such arrays, in messages.

    Raises:
        UserError: it has another shape, or holds no numbers.

    >>> checked_arrays("features", np.zeros((7, 7, 512)), (7, 7, 512), "encode(pixels)")
    Traceback (most recent call last):
    captioner.errors.UserError: `features` is an array (N, 7, 7, 512), as encode(pixels) gives; received an array (7, 7, 512). Write features[None] for one alone.
    """  # noqa: E501 - a line of the output
    try:
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    received = f"an array {_tuple(array.shape)}" if array.dtype.kind in "biuf" else _short(values)
    if array.dtype.kind in "biuf" and array.shape[1:] == shape and array.ndim:
        return array
    alone = f" Write {name}[None] for one alone." if array.shape == shape else ""
    raise UserError(f"`{name}` is an array {_tuple(('N', *shape))}, as {made_by} gives; received {received}.{alone}")


def _tuple(shape: tuple) -> str:
    return f"({', '.join(map(str, shape))})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
