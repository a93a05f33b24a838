"""Values of annotation files as text: one rule for all readers, whatever kind of file a value stands in.

    "07"                      "07"     text is what it is
    7, 7.0                    "7"      a column of whole numbers with a gap is written as 7.0 by some libraries
    1500000.0, 1e-7           "1500000", "0.0000001"
    true, false               "true", "false"
    null, NaN, Infinity       nothing
    lists, objects            nothing

Ids are compared as such texts, so that 42 in one file is "42" in another; they are kept, and written, as they came.
"""

import ast
import re
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

from captioner.errors import UserError
from pipelines.data.datasets.text import parse_json
from pipelines.data.examples import Id

# What Python and NumPy print between the brackets of a list: 'yes', "don't" or 'yes' 'no', 1. None.
_ESCAPE = r"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_QUOTED = rf"'(?:[^'\\\x00-\x1f]|{_ESCAPE})*+'|\"(?:[^\"\\\x00-\x1f]|{_ESCAPE})*+\""
_NUMBER = r"-?(?:0|[1-9]\d*+)(?:\.\d*+)?(?:e[-+]?\d++)?"
_PRINTED = re.compile(rf"({_QUOTED}|{_NUMBER}|None|True|False)|nan", re.ASCII)
_BETWEEN = re.compile(r"\s*,\s*|\s+|\Z")
_EXACT = 15  # digits of a number that every program holds exactly


def value_text(value: object) -> str | None:
    """A value as text; None where it is none.

    >>> [value_text(value) for value in ("07", 7, 1500000.0, 0.1, 1e-7, True, None, float("nan"), ["a"])]
    ['07', '7', '1500000', '0.1', '0.0000001', 'true', None, None, None]
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal) and isfinite(value):
        exact = Decimal(str(value))  # of a float what is written for it, not its last binary digit
        return str(int(exact)) if exact == exact.to_integral_value() else f"{exact:f}"
    return None


def field_values(value: object, separator: str = "") -> list:
    """The values of a field that may hold several: a list, a text that shows one, or texts between separators.

    >>> field_values("['yes', 'no']"), field_values("yes|no", "|"), field_values("yes"), field_values([1, None])
    (['yes', 'no'], ['yes', 'no'], ['yes'], [1, None])
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    printed = _printed_list(value.strip())
    if printed is not None:
        return printed
    return value.split(separator) if separator else [value]


def field_captions(value: object) -> list[str]:
    """The captions of a field that may hold several, "" for each that is none. A printed list of numbers is a caption.

    >>> field_captions("['a dog', 'a cat']"), field_captions("[1]"), field_captions([None, 7])
    (['a dog', 'a cat'], ['[1]'], ['', '7'])
    """
    values = field_values(value)
    if isinstance(value, str) and not all(isinstance(caption, str) for caption in values):
        values = [value]
    return [value_text(caption) or "" for caption in values]


def as_id(value: object) -> Id | None:
    """A value as the name of something, of the type that it has; None where it is none.

    >>> as_id("007"), as_id(7), as_id(7.0), as_id(" "), as_id(float("nan"))
    ('007', 7, 7, None, None)
    """
    text = value_text(value)
    if text is None or not text.strip() or isinstance(value, bool):
        return None
    if isinstance(value, str | int):
        return value
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else float(value)


def column_ids(texts: Sequence[str]) -> list[Id]:
    """Ids of a file that has no types (a csv file, the keys of a JSON object): numbers where all of them are whole
    numbers and none has a leading zero, else text. An empty one stays empty.

    >>> column_ids(["7", "12"]), column_ids(["07", "12"])
    ([7, 12], ['07', '12'])
    """
    numbers = all(re.fullmatch(rf"|0|[1-9][0-9]{{0,{_EXACT - 1}}}", text) for text in texts)
    return [int(text) if numbers and text else text for text in texts]


def _printed_list(text: str) -> list | None:
    """The values of a list that was printed into a text, as by JSON, Python or NumPy; None if it is none."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        values = parse_json(text, "the list")
        return None if any(isinstance(value, list | dict) for value in values) else values
    except UserError:
        pass
    inside, position, values = text[1:-1].strip(), 0, []
    while position < len(inside):
        item = _PRINTED.match(inside, position)
        between = item and _BETWEEN.match(inside, item.end())
        if not between:
            return None
        try:
            values.append(ast.literal_eval(item[1]) if item[1] else None)
        except (SyntaxError, ValueError):  # a character that does not exist
            return None
        position = between.end()
    return values
