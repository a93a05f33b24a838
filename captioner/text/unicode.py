"""Words of any language that puts spaces between them: composed (NFC), lower case, without punctuation.

Letters, their marks and digits belong together; an apostrophe, hyphen or period between two of them joins,
and so does a comma or colon between digits. Symbols and emoji are words of their own. For languages without
spaces use `characters`.
"""

import functools
import re
import unicodedata

from captioner.text.tokenizers import ChunkTokenizer, compose

# A chunk is matched by the kinds of its characters: l letter, d digit, m mark or joiner, s symbol, j what may
# join letters, c what may join digits, x the rest.
_WORD = re.compile(r"[ldm]+(?:j[ldm]+|(?<=d)c(?=d)[ldm]+)*|sm*")
_KINDS = {"L": "l", "M": "m", "N": "d", "S": "s"}
_EXCEPTIONS = {
    **dict.fromkeys("'’-.·‐‑", "j"),
    **dict.fromkeys(",:", "c"),
    **dict.fromkeys("\u200c\u200d", "m"),  # they shape Persian and Indian words, and tie emoji
    "_": "l",
}


@functools.lru_cache(maxsize=1 << 14)
def _kind(character: str) -> str:
    """One letter for what a character does in a word."""
    return _EXCEPTIONS.get(character) or _KINDS.get(unicodedata.category(character)[0], "x")


class _UnicodeTokenizer(ChunkTokenizer):
    name = "unicode"

    def normalise(self, text: str) -> str:
        return compose(compose(text).lower())

    def split(self, chunk: str) -> list[str]:
        """The words of a chunk.

        >>> UNICODE.split("l'été,"), UNICODE.split("3,5€!"), UNICODE.split("кошка-мать…")
        (["l'été"], ['3,5', '€'], ['кошка-мать'])
        """
        kinds = "".join(map(_kind, chunk))
        return [chunk[match.start() : match.end()] for match in _WORD.finditer(kinds)]


UNICODE = _UnicodeTokenizer()
