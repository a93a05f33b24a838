"""How much captions differ from one another, and from those of the training set.

    distinct_captions  different captions / captions
    distinct_n         different n-grams of all captions / n-grams of all captions, n = 1, 2
    self_bleu_4        mean BLEU-4 of each caption with all other captions as its references: low is diverse
    novel_captions     share of captions that are no training caption (where training captions are given)

References play no part. All but the last depend on how many captions there are: compare equal numbers only.

Sources: [Li et al., 2016](https://arxiv.org/abs/1510.03055) (distinct-n);
[Zhu et al., 2018](https://arxiv.org/abs/1802.01886) (self-BLEU).
"""

from collections.abc import Iterable

import numpy as np

from captioner.metrics.base import Metric
from captioner.metrics.bleu import bleu_of
from captioner.metrics.ngrams import ORDERS, NgramCounts, Numbering, Words, count_ngrams


class Diversity(Metric):
    """Distinct captions and n-grams, self-BLEU, novel captions. A row is `[number of the caption, is new]`.

    Equal captions have equal numbers, and the metric keeps the words: its rows mean something only to itself.

    Args:
        training: the words of the training captions; without them `novel_captions` is left out.
    """

    def __init__(self, training: Iterable[Words] | None = None):
        self._training = None if training is None else {tuple(words) for words in training}
        self._numbers: dict[tuple[str, ...], int] = {}

    @classmethod
    def for_corpus(cls, references, training=None):
        return cls(training)

    def rows(self, predictions, references=None, images=None):
        captions = [tuple(prediction) for prediction in predictions]
        numbers = [self._numbers.setdefault(caption, len(self._numbers)) for caption in captions]
        training = captions if self._training is None else self._training
        return np.array([numbers, [caption not in training for caption in captions]], dtype=np.float64).T

    def combine(self, rows):
        known = list(self._numbers)
        captions = [known[int(number)] for number in rows[:, 0]]
        counts = count_ngrams(captions, Numbering())
        scores = {"distinct_captions": len(set(captions)) / max(1, len(captions))}
        for order in range(2):
            these = counts.order == order
            distinct = np.count_nonzero(np.bincount(counts.ngram[these]))
            scores[f"distinct_{order + 1}"] = distinct / max(1, int(counts.count[these].sum()))
        if len(captions) > 1:
            scores["self_bleu_4"] = float(np.mean(self_bleu(counts)))
        if self._training is not None:
            scores["novel_captions"] = float(np.mean(rows[:, 1]))
        return scores


def self_bleu(counts: NgramCounts) -> np.ndarray:
    """BLEU-4 `(N,)` of each of N >= 2 captions against the N - 1 others.

    A match is clipped at the highest count in another caption: that is the highest of all or, for the one
    caption that alone has it, the second highest. So N captions take N steps, not N^2.
    """
    size = int(counts.ngram.max(initial=-1)) + 1
    first, second = np.zeros((2, size), dtype=np.int64)
    np.maximum.at(first, counts.ngram, counts.count)
    has_first = counts.count == first[counts.ngram]
    np.maximum.at(second, counts.ngram[~has_first], counts.count[~has_first])
    alone = has_first & (np.bincount(counts.ngram, has_first, size)[counts.ngram] == 1)
    clipped = np.minimum(counts.count, np.where(alone, second[counts.ngram], first[counts.ngram]))
    totals = np.maximum(0, counts.lengths[:, None] - np.arange(ORDERS))
    closest = _closest_other(counts.lengths)
    values, penalty = bleu_of(
        np.column_stack([counts.lengths, closest, counts.sum_by_order(clipped), totals]).astype(np.float64)
    )
    return values[:, -1] * penalty


def _closest_other(lengths: np.ndarray) -> np.ndarray:
    """For each length the closest among the others, the shorter of two equally close.

    >>> _closest_other(np.array([3, 5, 7, 3])).tolist()
    [3.0, 3.0, 5.0, 3.0]
    """
    order = np.argsort(lengths, kind="stable")
    known = np.concatenate([[-np.inf], lengths[order], [np.inf]])  # sorted, the closest is a neighbour
    below, above = known[1:-1] - known[:-2], known[2:] - known[1:-1]
    closest = np.empty(len(lengths))
    closest[order] = np.where(below <= above, known[:-2], known[2:])
    return closest
