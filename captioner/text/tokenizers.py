"""What every tokenizer does, and how to get one by name.

A tokenizer turns text into words and words into text, such that for any text `x`

    tokenize(detokenize(tokenize(x))) == tokenize(x)

and no word holds a line break. The same tokenizer serves the vocabulary and the scorer.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Protocol

from captioner.text import TOKENIZERS

# More than the distinct space-separated pieces of any caption data set, and still only a few megabytes.
CACHED_CHUNKS = 1 << 17


# Marks on one letter. Sorting them takes quadratic time, and a hostile text has a hundred thousand.
_MOST_MARKS = 30
_MAY_BE_MARKS = re.compile(r"[^\w\s]{8}")  # fewer cannot stand for so many
_JOINER = "\u034f"  # between two marks it ends the first one's letter, and is not seen


class Tokenizer(Protocol):
    """Text to words and back; `name` is the one in the registry `TOKENIZERS`."""

    name: str

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`, none of them empty."""

    def detokenize(self, words: Sequence[str]) -> str:
        """Text that reads well and has these words."""


def get_tokenizer(name: str) -> Tokenizer:
    """The tokenizer called `name`.

    >>> get_tokenizer("ptb").tokenize("A dog's ball, thrown.")
    ['a', 'dog', "'s", 'ball', 'thrown']

    Raises:
        UserError: there is no such tokenizer; the message lists those that exist.
    """
    return TOKENIZERS.get(name)


def compose(text: str) -> str:
    """Text in which letters and their marks are one character where there is one (NFC), in linear time.

    More than thirty marks on one letter are parted by an invisible joiner, as the Stream-Safe Text Format has it
    (https://unicode.org/reports/tr15/, section 13).
    """
    if not text.isascii() and _MAY_BE_MARKS.search(text):
        text = "".join(_parted(text))
    return unicodedata.normalize("NFC", text)


def _parted(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        parts = unicodedata.normalize("NFD", character)
        trailing = sum(unicodedata.combining(part) > 0 for part in parts)
        if unicodedata.combining(parts[0]):
            if marks + trailing > _MOST_MARKS:
                yield _JOINER
                marks = 0
            marks += trailing
        else:
            marks = trailing
        yield character


class ChunkTokenizer:
    """A tokenizer that looks at one space-separated chunk of the text at a time.

    The words of a chunk depend on nothing around it. So they are cached (captions repeat themselves:
    30,000 of them have some 15,000 distinct chunks), and words joined with spaces give the same words again
    as soon as each word alone gives itself. `chunk_words` sees to that: what `split` returns is split again
    until it is whole.

    A subclass sets `name` and writes `normalise(text)` and `split(chunk)`, whose pieces are normalised and
    either shorter than the chunk or the chunk itself.
    """

    name: str

    def __init__(self):
        self._cached_words = functools.lru_cache(maxsize=CACHED_CHUNKS)(self.chunk_words)

    def normalise(self, text: str) -> str:
        raise NotImplementedError

    def split(self, chunk: str) -> list[str]:
        raise NotImplementedError

    def tokenize(self, text: str) -> list[str]:
        words = []
        for chunk in self.normalise(text).split():
            words += self._cached_words(chunk)
        return words

    def detokenize(self, words: Sequence[str]) -> str:
        return " ".join(words)

    def chunk_words(self, chunk: str) -> tuple[str, ...]:
        """The words of one chunk of text, which holds no white space."""
        whole, waiting = [], [chunk]
        while waiting:
            piece = waiting.pop()
            pieces = self.split(piece)
            if pieces == [piece]:
                whole.append(piece)
            else:
                waiting += reversed(pieces)
        return tuple(whole)

    def __repr__(self) -> str:
        return f"<tokenizer {self.name}>"

    def __reduce__(self):
        # A copy in another process is looked up by its name, without the cache.
        return get_tokenizer, (self.name,)
