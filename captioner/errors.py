"""Errors that a person can act on.

A `UserError` says what happened, what was expected, what was received and what to do, and names the file (and
line) where there is one. The command line prints its message without a traceback and exits with status 1.
Programming errors stay `ValueError` and `TypeError`.
"""

import difflib
from collections.abc import Iterable


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
