"""How much the captions differ from one another, and from those of the training set.

    distinct_captions  different captions / captions
    distinct_n         different n-grams of all captions / n-grams of all captions, n = 1, 2
    self_bleu_4        mean BLEU-4 of each caption with all other captions as its references: low is diverse
    novel_captions     share of captions that are no training caption (where training captions are given)

References play no part. All but the last depend on how many captions there are: compare equal numbers only.

Sources: [Li et al., 2016](https://arxiv.org/abs/1510.03055) (distinct-n);
[Zhu et al., 2018](https://arxiv.org/abs/1802.01886) (self-BLEU).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

import numpy as np

from captioner.metrics.base import HIGHEST_ORDER, Metric, Words, count_ngrams
from captioner.metrics.bleu import bleu_of


class Diversity(Metric):
    """Distinct captions and n-grams, self-BLEU, novel captions. A row is `[number of the caption, is it new]`.

    The same words get the same number, and the metric keeps the words: rows mean something only to it.

    Args:
        training: the words of the training captions; without them `novel_captions` is left out.
    """

    def __init__(self, training: Iterable[Words] | None = None):
        self._training = None if training is None else {tuple(words) for words in training}
        self._numbers: dict[tuple[str, ...], int] = {}

    @classmethod
    def for_corpus(cls, references, training=None):
        return cls(training)

    def statistics(self, prediction, references=()):
        caption = tuple(prediction)
        number = self._numbers.setdefault(caption, len(self._numbers))
        return np.array([number, self._training is not None and caption not in self._training], np.float64)

    def combine(self, rows):
        known = list(self._numbers)
        captions = [known[int(number)] for number in rows[:, 0]]
        counted = [count_ngrams(caption) for caption in captions]
        scores = {"distinct_captions": len(set(captions)) / max(1, len(captions))}
        for n in (1, 2):
            together = Counter()
            for orders in counted:
                together.update(orders[n - 1])
            scores[f"distinct_{n}"] = len(together) / max(1, together.total())
        if len(captions) > 1:
            scores["self_bleu_4"] = self_bleu(counted)
        if self._training is not None:
            scores["novel_captions"] = float(np.mean(rows[:, 1]))
        return scores


def self_bleu(counted: list[list[Counter]]) -> float:
    """Mean BLEU-4 of each of N >= 2 captions, given as its n-gram counts, against the N - 1 others.

    A match is clipped at the highest count in another caption. That is the highest count of all, or the second
    highest for the caption that has the highest: two numbers an n-gram, so that N captions take N steps, not N^2.
    """
    highest: dict[tuple, tuple[int, int]] = {}
    for orders in counted:
        for counts in orders:
            for ngram, count in counts.items():
                first, second = highest.get(ngram, (0, 0))
                if count > second:
                    highest[ngram] = (count, first) if count > first else (first, count)
    lengths = Counter(orders[0].total() for orders in counted)
    rows = []
    for orders in counted:
        length, matches = orders[0].total(), []
        for counts in orders:
            clipped = 0
            for ngram, count in counts.items():
                first, second = highest[ngram]
                clipped += min(count, second if count == first else first)
            matches.append(clipped)
        totals = [max(0, length - order) for order in range(HIGHEST_ORDER)]
        rows.append([length, _closest_other(lengths, length), *matches, *totals])
    values, penalty = bleu_of(np.array(rows, dtype=np.float64))
    return float(np.mean(values[:, -1] * penalty))


def _closest_other(lengths: Counter, length: int) -> int:
    """The length closest to `length` among those of the other captions, the shorter of two equally close."""
    if lengths[length] > 1:
        return length
    known = sorted(lengths)
    place = bisect_left(known, length)
    return min(known[max(0, place - 1) : place] + known[place + 1 : place + 2], key=lambda x: (abs(x - length), x))
