"""The share of labels that are right, as of words with tags or of classes of sequences."""

import numpy as np

from captioner.metrics.base import Metric, Prominence, Score


class LabelAccuracy(Metric):
    """Right labels of all sequences / labels of all sequences. A row is `[right, labels]`.

    >>> metric = LabelAccuracy()
    >>> metric.combine(metric.rows([["DET", "NOUN"], ["VERB", "DET"]], [["DET", "VERB"], ["VERB", "DET"]]))
    {'accuracy': 0.75}
    """

    scores = (Score("accuracy", "Accuracy", prominence=Prominence.MAIN),)

    def rows(self, predictions, references, images=None):
        rows = [
            (sum(label == expected for label, expected in zip(labels, truth, strict=True)), len(truth))
            for labels, truth in zip(predictions, references, strict=True)
        ]
        return np.array(rows, np.float64).reshape(-1, 2)

    @classmethod
    def combine(cls, rows):
        right, labels = rows.sum(axis=0)
        return {"accuracy": float(right / labels)}
