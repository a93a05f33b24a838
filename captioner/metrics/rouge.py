"""ROUGE-L: the longest common subsequence with a reference, as the COCO caption scorer uses it.

    P = max over references of lcs / words of the prediction
    R = max over references of lcs / words of that reference
    F = (1 + b^2) P R / (R + b^2 P),  b = 1.2

P and R may come from different references. The score of a corpus is the mean over captions.

Sources: [Lin, 2004](https://aclanthology.org/W04-1013/); the COCO caption scorer
(https://github.com/tylin/coco-caption, `rouge.py`).
"""

import numpy as np

from captioner.metrics.base import ItemMetric, Prominence, Score
from captioner.metrics.ngrams import Words

_FEW = 60  # words whose positions are bits of one small number
_BETA = 1.2  # the COCO scorer's weight of recall


class RougeL(ItemMetric):
    """Mean F-measure of the longest common subsequence. A row is `[F]`.

    >>> float(RougeL().statistics(["a", "dog", "runs"], [["a", "big", "dog", "runs", "fast"]])[0].round(4))
    0.7176
    """

    scores = (Score("rouge_l", "ROUGE-L", "R-L", "R-L: ROUGE-L", Prominence.MAIN, per_item=True),)

    def statistics(self, prediction, references):
        return np.array([_f_measure(prediction, references)])


def _f_measure(prediction: Words, references) -> float:
    # A caption of no words counts as one empty word, as in the COCO scorer, which splits "" at spaces.
    prediction = prediction or [""]
    positions = word_positions(prediction) if len(prediction) <= _FEW else None
    precision = recall = 0.0
    for reference in references:
        reference = reference or [""]
        if positions is None:  # the bits of the shorter one: then the time is linear in the longer
            shorter, longer = sorted((prediction, reference), key=len)
            common = longest_common_subsequence(word_positions(shorter), len(shorter), longer)
        else:
            common = longest_common_subsequence(positions, len(prediction), reference)
        precision = max(precision, common / len(prediction))
        recall = max(recall, common / len(reference))
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision) if recall else 0.0


def word_positions(words: Words) -> dict[str, int]:
    """For each word the positions where it stands, as the bits of a number.

    >>> word_positions(["a", "dog", "a"])
    {'a': 5, 'dog': 2}
    """
    positions: dict[str, int] = {}
    for position, word in enumerate(words):
        positions[word] = positions.get(word, 0) | 1 << position
    return positions


def longest_common_subsequence(positions: dict[str, int], length: int, other: Words) -> int:
    """Length of the longest common subsequence of the `length` words at `positions` and of `other`.

    A row of the usual table is kept as the bits of one number, with a zero wherever the row goes up by one:
    then an addition does the whole row ([Hyyrö, 2004](https://www.cs.tut.fi/~hyyro/papers/awoca04.pdf)).
    """
    row = everything = (1 << length) - 1
    for word in other:
        matched = row & positions.get(word, 0)
        row = (row + matched | row - matched) & everything
    return length - row.bit_count()
