"""Constraints on captions, as plain data: written with NumPy alone."""

import itertools
from typing import NamedTuple

import numpy as np

IMPOSSIBLE = -1e9  # stands for log 0: finite, so that sums and products with 0 stay numbers
MAX_STATES = 8  # three words that must occur

Phrase = tuple[int, ...]  # ids of consecutive tokens


class SpecialTokens(NamedTuple):
    """Ids of tokens that are no words.

    start, end: which open and close a caption.
    suppressed: which are never written, such as padding and the unknown word.
    """

    start: int
    end: int
    suppressed: tuple[int, ...] = ()


class Constraints(NamedTuple):
    """What every caption satisfies.

    min_words: int. The shortest caption, without its end token; an empty caption is none.
    no_repeat_ngram_size: int, n. No n-gram of tokens occurs twice in a caption; 0 allows it.
    bad_phrases: phrases that do not occur.
    force_phrases: phrases that all occur, in any order; they may overlap.
    """

    min_words: int = 1
    no_repeat_ngram_size: int = 0
    bad_phrases: tuple[Phrase, ...] = ()
    force_phrases: tuple[Phrase, ...] = ()

    @property
    def num_states(self) -> int:
        """How many constraint states `force_phrases` make: see `transition_table`."""
        return int(np.prod([len(phrase) + 1 for phrase in self.force_phrases], dtype=int))

    @property
    def bad_words(self) -> tuple[int, ...]:
        """Single tokens that never occur."""
        return tuple(phrase[0] for phrase in self.bad_phrases if len(phrase) == 1)

    @property
    def bad_sequences(self) -> tuple[Phrase, ...]:
        """Phrases of several tokens that never occur: whether the last may follow depends on those before."""
        return tuple(phrase for phrase in self.bad_phrases if len(phrase) > 1)


UNCONSTRAINED = Constraints()


def transition_table(force_phrases, vocabulary_size: int) -> np.ndarray:
    """The constraint state that a caption of each state is in after each token.

    A state says how much of each phrase has been written: of a phrase of L tokens the first 0 to L - 1 stand at the
    end of the caption, or it has occurred. c single words therefore make 2 ** c states. Captions begin in state 0, and
    only those of the last state may end.

    Returns:
        int `(N, V)`, N the product of all L + 1.

    Reference: [Anderson et al. 2017](https://arxiv.org/abs/1612.00576), section 3.2, where states are those of a
    finite-state machine; Hokamp & Liu 2017 and Post & Vilar 2018 tell states apart by the number of words alone.
    """
    lengths = [len(phrase) + 1 for phrase in force_phrases]
    table = np.zeros((int(np.prod(lengths, dtype=int)), vocabulary_size), "int32")
    automata = [_phrase_automaton(phrase, vocabulary_size) for phrase in force_phrases]
    for state, progress in enumerate(itertools.product(*map(range, lengths))):
        following = np.zeros(vocabulary_size, "int32")
        for automaton, written, length in zip(automata, progress, lengths, strict=True):
            following = following * length + automaton[written]
        table[state] = following
    return table


def _phrase_automaton(phrase: Phrase, vocabulary_size: int) -> np.ndarray:
    """How many tokens of a phrase are written after each token `(L + 1, V)`: the automaton of Knuth, Morris & Pratt."""
    length = len(phrase)
    automaton = np.zeros((length + 1, vocabulary_size), "int32")
    automaton[length] = length
    for count, token in itertools.product(range(length), set(phrase)):
        written = (*phrase[:count], token)
        automaton[count, token] = max(n for n in range(count + 2) if written[len(written) - n :] == phrase[:n])
    return automaton
