"""What all models check of the arguments that people give: numbers, texts and names, each refused in a sentence."""

import math
import numbers
import operator
from collections.abc import Iterable

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


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
