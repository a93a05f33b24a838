"""Exact match, the simplest metric of answers."""

import numpy as np

from captioner.metrics.base import ItemMetric, Prominence, Score
from captioner.text.answers import agreed, answer_key


class ExactMatch(ItemMetric):
    """Whether the answer is the one that most people gave, in one spelling and as a set. A row is `[1 or 0]`.

    It is the accuracy of DAQUAR (`{book, lamp} = {lamp, book}`), of easy-VQA, and of Visual7W, where the prediction
    is one of four choices.

    >>> ExactMatch().statistics("Lamp, book.", ["book, lamp"]).tolist()
    [1.0]
    """

    scores = (
        Score("exact_match", "Exact match", "exact", "exact: answers that match exactly", Prominence.MAIN,
              per_item=True),
    )  # fmt: skip

    def statistics(self, prediction, answers):
        return np.array([float(answer_key(prediction) == answer_key(agreed(answers)))])
