"""What captions must keep to, whatever a model would rather say: plain data, written down with NumPy alone."""

import itertools
from typing import NamedTuple

import numpy as np

IMPOSSIBLE = -1e9  # stands for log 0: finite, so that sums and products with 0 stay numbers
MOST_BANKS = 8  # three words that must occur

Phrase = tuple[int, ...]  # ids of words that follow one another


class Rules(NamedTuple):
    """What every caption keeps to.

    min_words: int. The shortest caption, without its end word; an empty caption is none.
    no_repeat_ngram_size: int, n. No n words that follow one another occur twice in a caption; 0 allows it.
    never: phrases that do not occur.
    always: phrases that all occur, in any order; they may overlap.
    """

    min_words: int = 1
    no_repeat_ngram_size: int = 0
    never: tuple[Phrase, ...] = ()
    always: tuple[Phrase, ...] = ()

    @property
    def banks(self) -> int:
        """How many beams of their own a search needs for `always`: see `bank_moves`."""
        return int(np.prod([len(phrase) + 1 for phrase in self.always], dtype=int))

    @property
    def closed(self) -> tuple[int, ...]:
        """Single words that never occur."""
        return tuple(phrase[0] for phrase in self.never if len(phrase) == 1)

    @property
    def watched(self) -> tuple[Phrase, ...]:
        """Phrases of several words that never occur: whether their last word may follow depends on those before."""
        return tuple(phrase for phrase in self.never if len(phrase) > 1)


FREE = Rules()


def bank_moves(always, vocabulary_size: int) -> np.ndarray:
    """To which bank a caption of each bank moves with each word.

    A bank holds captions that have come equally far with what must occur: of a phrase of L words the first 0 to L - 1
    stand at the end of the caption, or it has occurred. c single words therefore make 2 ** c banks. Captions begin in
    bank 0, and only those of the last bank may end.

    Returns:
        int `(N, V)`, N the product of all L + 1.

    Reference: [Anderson et al. 2017](https://arxiv.org/abs/1612.00576), section 3.2, where banks are states of a
    machine; Hokamp & Liu 2017 and Post & Vilar 2018 tell banks apart by the number of words alone.
    """
    lengths = [len(phrase) + 1 for phrase in always]
    moves = np.zeros((int(np.prod(lengths, dtype=int)), vocabulary_size), "int32")
    ways = [_progress(phrase, vocabulary_size) for phrase in always]
    for bank, places in enumerate(itertools.product(*map(range, lengths))):
        reached = np.zeros(vocabulary_size, "int32")
        for way, place, length in zip(ways, places, lengths, strict=True):
            reached = reached * length + way[place]
        moves[bank] = reached
    return moves


def _progress(phrase: Phrase, vocabulary_size: int) -> np.ndarray:
    """How far one phrase has come after each word `(L + 1, V)`: the machine of Knuth, Morris & Pratt."""
    length = len(phrase)
    way = np.zeros((length + 1, vocabulary_size), "int32")
    way[length] = length
    for place, word in itertools.product(range(length), set(phrase)):
        written = (*phrase[:place], word)
        way[place, word] = max(n for n in range(place + 2) if written[len(written) - n :] == phrase[:n])
    return way
