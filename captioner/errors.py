"""Errors that a person can act on.

A `UserError` says what happened, what was expected, what was received and what to do, and names the file (and
line) where there is one. The command line prints its message without a traceback and exits with status 1.
Programming errors stay `ValueError` and `TypeError`.
"""

import difflib
import os
import re
from collections.abc import Iterable

MOST_LISTED = 15  # names in a message


class UserError(ValueError):
    """Something that the user of the program can put right; the message says how."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at what was probably meant, or nothing.

    >>> nearest("lstn", ["gru", "lstm"])
    ' Did you mean `lstm`?'
    >>> nearest("zebra", ["gru", "lstm"])
    ''
    """
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean `{matches[0]}`?" if matches else ""


def alternatives(name: str, known: Iterable[str], listed_by: str = "") -> str:
    """What can be chosen in place of an unknown name: the nearest first, then all, or the command that lists them.

    Args:
        listed_by: a command, for names that are too many for a message.

    >>> alternatives("lstn", ["gru", "lstm"])
    ' Did you mean `lstm`? Available: gru, lstm.'
    >>> alternatives("recipe10", [f"recipe-{number}" for number in range(33)], "captioner list recipes")
    ' Did you mean `recipe-10`? `captioner list recipes` lists all 33.'
    """
    known = list(known)
    hint = nearest(name, known)
    if len(known) <= MOST_LISTED or not (hint or listed_by):
        return f"{hint} Available: {', '.join(known)}."
    return f"{hint} `{listed_by}` lists all {len(known)}." if listed_by else hint


def is_address(path: str | os.PathLike) -> bool:
    """Whether a path is an address on a network, which nothing here opens; `Path` makes one slash of its two.

    >>> is_address("https://example.org/a.jpg"), is_address("photos/s3:/bucket/a.jpg"), is_address("C:/a.jpg")
    (True, True, False)
    """
    return re.search(r"(^|/)[A-Za-z][A-Za-z0-9+.-]+:/", os.fspath(path)) is not None


def address_hint(path: str | os.PathLike) -> str:
    """Behind "there is no such file": what to do with an address; nothing where it is none."""
    return " (it is an address: download it first)" if is_address(path) else ""
