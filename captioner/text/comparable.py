"""Short texts that are compared, such as answers, labels and names of columns: those that look alike are alike."""

import re
import unicodedata

# Soft hyphens, zero-width blanks, marks of direction and byte order marks. Joiners stay: they shape letters, and tie
# emoji.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def comparable(text: str) -> str:
    """A text composed (NFC), with single blanks of one kind, and without characters that cannot be seen.

    >>> comparable(" cafe\u0301\u00a0 noir\u200b") == "caf\u00e9 noir"
    True
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    return " ".join(text.split())
