"""What every tokeniser does, and how to get one by name.

A tokeniser turns text into words and words into text, such that for any text `x`

    tokenise(detokenise(tokenise(x))) == tokenise(x)

and no word holds a line break. The same tokeniser serves the vocabulary and the scorer.
"""

import functools
from collections.abc import Sequence
from typing import Protocol

from captioner.text import TOKENISERS

# More than the distinct space-separated pieces of any caption data set, and still only a few megabytes.
CACHED_CHUNKS = 1 << 17


class Tokeniser(Protocol):
    """Text to words and back; `name` is the one in the registry `TOKENISERS`."""

    name: str

    def tokenise(self, text: str) -> list[str]:
        """The words of `text`, none of them empty."""

    def detokenise(self, words: Sequence[str]) -> str:
        """Text that reads well and has these words."""


def get_tokeniser(name: str) -> Tokeniser:
    """The tokeniser called `name`.

    >>> get_tokeniser("ptb").tokenise("A dog's ball, thrown.")
    ['a', 'dog', "'s", 'ball', 'thrown']

    Raises:
        UserError: there is no such tokeniser; the message lists those that exist.
    """
    return TOKENISERS.get(name)


class ChunkTokeniser:
    """A tokeniser that looks at one space-separated chunk of the text at a time.

    The words of a chunk depend on nothing around it. So they can be remembered (captions repeat themselves:
    30,000 of them have some 15,000 distinct chunks), and words joined with spaces give the same words again
    as soon as each word alone gives itself. `chunk_words` sees to that: what `split` returns is split again
    until it is whole.

    A subclass sets `name` and writes `normalise(text)` and `split(chunk)`, whose pieces are normalised and
    either shorter than the chunk or the chunk itself.
    """

    name: str

    def __init__(self):
        self._remembered = functools.lru_cache(maxsize=CACHED_CHUNKS)(self.chunk_words)

    def normalise(self, text: str) -> str:
        raise NotImplementedError

    def split(self, chunk: str) -> list[str]:
        raise NotImplementedError

    def tokenise(self, text: str) -> list[str]:
        words = []
        for chunk in self.normalise(text).split():
            words += self._remembered(chunk)
        return words

    def detokenise(self, words: Sequence[str]) -> str:
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
        return f"<tokeniser {self.name}>"

    def __reduce__(self):
        # A copy in another process is looked up by its name, and what is remembered stays at home.
        return get_tokeniser, (self.name,)
