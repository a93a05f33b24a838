"""How much captions differ from one another, and from those of the training set (`NovelCaptions`).

    distinct_captions  different captions / captions
    distinct_n         different n-grams of all captions / n-grams of all captions, n = 1, 2
    self_bleu_4        mean BLEU-4 of each caption with all other captions as its references: low is diverse
    novel_captions     share of captions that are no training caption

References play no part. All but the last depend on how many captions there are: compare equal numbers only.

Sources: [Li et al., 2016](https://arxiv.org/abs/1510.03055) (distinct-n);
[Zhu et al., 2018](https://arxiv.org/abs/1802.01886) (self-BLEU).
"""

from collections.abc import Iterable

import numpy as np

from captioner.metrics.base import Metric, MetricUnavailable, Prominence, Score
from captioner.metrics.bleu import bleu_of
from captioner.metrics.ngrams import ORDERS, NgramCounts, Numbering, Words, count_ngrams


class Diversity(Metric):
    """Distinct captions and n-grams, and self-BLEU. A row is `[number of the caption]`.

    Equal captions have equal numbers, and the metric keeps the words: its rows mean something only to itself, and none
    of its scores has an interval.
    """

    scores = (
        Score("distinct_captions", "Distinct captions", "dist.", "dist.: share of captions that no other image has",
              Prominence.HEADLINE, interval=False),
        Score("distinct_1", "Distinct words", prominence=Prominence.DETAIL, digits=2, interval=False),
        Score("distinct_2", "Distinct pairs of words", prominence=Prominence.DETAIL, digits=2, interval=False),
        Score("self_bleu_4", "Self-BLEU-4 (low is diverse)", higher_is_better=False, interval=False),
    )  # fmt: skip

    def __init__(self):
        self._numbers: dict[tuple[str, ...], int] = {}

    def rows(self, predictions, references=None, images=None):
        captions = (tuple(prediction) for prediction in predictions)
        numbers = [self._numbers.setdefault(caption, len(self._numbers)) for caption in captions]
        return np.array(numbers, dtype=np.float64).reshape(-1, 1)

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
        return scores


class NovelCaptions(Metric):
    """The share of captions that are no caption of the training split. A row is `[1 or 0]`.

    Args:
        training: the words of the training captions.
    """

    scores = (Score("novel_captions", "Captions not in the training set", higher_is_better=None),)

    def __init__(self, training: Iterable[Words]):
        self._training = {tuple(words) for words in training}

    @classmethod
    def for_corpus(cls, references, training=None):
        if training is None:
            raise MetricUnavailable("The share of novel captions", "It needs the training captions.", silent=True)
        return cls(training)

    def rows(self, predictions, references=None, images=None):
        return np.array([[tuple(caption) not in self._training] for caption in predictions], np.float64).reshape(-1, 1)


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
