"""What every metric does, and the counting of n-grams that most of them start with."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

Words = Sequence[str]
HIGHEST_ORDER = 4  # all metrics of captions look at 1- to 4-grams


def count_ngrams(words: Words) -> list[Counter]:
    """How often each n-gram occurs, one counter an order: 1-grams first.

    >>> [dict(counts) for counts in count_ngrams(["a", "dog", "a"])[:2]]
    [{('a',): 2, ('dog',): 1}, {('a', 'dog'): 1, ('dog', 'a'): 1}]
    """
    shifted = [words[start:] for start in range(HIGHEST_ORDER)]
    return [Counter(zip(*shifted[:order], strict=False)) for order in range(1, HIGHEST_ORDER + 1)]


class Metric:
    """A metric makes a row of numbers from each caption, and scores from any set of rows.

    So per-caption values, and intervals by drawing rows again (bootstrap), come free. References are words as they
    are: nothing maps them to `<unk>`, and a `<unk>` in a prediction matches nothing.
    """

    @classmethod
    def for_corpus(cls, references: Sequence[Sequence[Words]], training: Iterable[Words] | None = None) -> "Metric":
        """The metric made ready for a corpus.

        Args:
            references: for each image, its references.
            training: the words of the training captions, where they are at hand.
        """
        return cls()

    def statistics(self, prediction: Words, references: Sequence[Words]) -> np.ndarray:
        """The row `(F,)`, float64, of one caption against the references of its image."""
        raise NotImplementedError(f"{type(self).__name__} does not define `statistics`.")

    def combine(self, rows: np.ndarray) -> dict[str, float]:
        """The scores of the captions whose rows `(N, F)` these are."""
        raise NotImplementedError(f"{type(self).__name__} does not define `combine`.")

    def per_caption(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """For each score that says something of one caption alone: its values `(N,)`."""
        return {}
