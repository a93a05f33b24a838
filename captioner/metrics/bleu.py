"""BLEU-1 to BLEU-4, as the COCO caption scorer counts them.

    p_n    = sum of clipped n-gram matches / sum of n-grams of the predictions
    BLEU-n = exp(min(0, 1 - r / c)) * (p_1 * ... * p_n) ** (1 / n)

c is the number of words of all predictions, r that of the references: for each caption the reference whose length is
closest (of two equally close, the shorter). A match is clipped at the count in the reference that has it most often.

Sources: [Papineni et al., 2002](https://aclanthology.org/P02-1040/); the constants of the COCO caption scorer
(https://github.com/tylin/coco-caption, `bleu_scorer.py`), which avoid a division by zero and leave a tiny score where
nothing matches. `nltk.corpus_bleu` counts at least one n-gram in a caption shorter than n, and so differs a little.
"""

import numpy as np

from captioner.metrics.base import Metric, Prominence, Score, image_numbers
from captioner.metrics.ngrams import ORDERS

_TINY, _SMALL = 1e-15, 1e-9
_PROMINENCE = (Prominence.HEADLINE, Prominence.PLAIN, Prominence.PLAIN, Prominence.MAIN)
_DETAIL = Prominence.DETAIL


class Bleu(Metric):
    """BLEU-1 to BLEU-4 of a corpus, with and without brevity penalty.

    A row is `[prediction words, reference words, matches of 1- to 4-grams, number of 1- to 4-grams]`.

    >>> references = [["a", "dog", "runs", "on", "grass"], ["a", "brown", "dog"]]
    >>> row = Bleu().statistics(["a", "dog", "on", "grass"], references)
    >>> row.astype(int).tolist()
    [4, 3, 4, 2, 0, 0, 4, 3, 2, 1]
    >>> round(Bleu().combine(row[None])["bleu_2"], 4)      # sqrt(4/4 * 2/3)
    0.8165
    """

    scores = (
        *(
            Score(f"bleu_{n}", f"BLEU-{n}", f"B-{n}", "B-1 to B-4: BLEU" if n == 1 else "", level, per_item=n == 4)
            for n, level in enumerate(_PROMINENCE, start=1)
        ),
        *(
            Score(f"bleu_{n}_without_penalty", f"BLEU-{n} without brevity penalty", prominence=_DETAIL)
            for n in range(1, ORDERS + 1)
        ),
        Score("brevity_penalty", "Brevity penalty", factor=1, digits=3, higher_is_better=None),
        *(
            Score(name, label, prominence=_DETAIL, factor=1, digits=0, higher_is_better=None, interval=False)
            for name, label in (
                ("prediction_words", "Words of the captions"),
                ("reference_words", "Words of the references closest in length"),
            )
        ),
    )

    def rows(self, predictions, references, images=None):
        images = image_numbers(predictions, references, images)
        counts = references.count(predictions)
        entry, _, seen = references.shared(counts, images)
        most = np.zeros_like(counts.count)
        np.maximum.at(most, entry, seen)
        matches = counts.sum_by_order(np.minimum(counts.count, most))
        totals = np.maximum(0, counts.lengths[:, None] - np.arange(ORDERS))
        closest = [
            min((abs(len(words) - length), len(words)) for words in references.words[image])[1]
            for length, image in zip(counts.lengths.tolist(), images.tolist(), strict=True)
        ]
        return np.column_stack([counts.lengths, np.array(closest, dtype=np.int64), matches, totals]).astype(np.float64)

    @classmethod
    def combine(cls, rows):
        totals = np.sum(rows, axis=0)
        without_penalty, penalty = bleu_of(totals)
        scores = {f"bleu_{n}": float(value * penalty) for n, value in enumerate(without_penalty, start=1)}
        plain = {f"bleu_{n}_without_penalty": float(value) for n, value in enumerate(without_penalty, start=1)}
        lengths = {"prediction_words": float(totals[0]), "reference_words": float(totals[1])}
        return {**scores, **plain, "brevity_penalty": float(penalty), **lengths}

    @classmethod
    def per_item(cls, rows):
        values, penalty = bleu_of(rows)
        return {"bleu_4": values[:, -1] * penalty}


def bleu_of(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BLEU without brevity penalty `(..., 4)` and the penalty `(...)`, from rows or their sum `(..., 10)`."""
    matches, totals = rows[..., 2 : 2 + ORDERS], rows[..., 2 + ORDERS :]
    precisions = (matches + _TINY) / (totals + _SMALL)
    values = np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (rows[..., 0] + _TINY) / (rows[..., 1] + _SMALL)
    return values, np.exp(np.minimum(0, 1 - 1 / ratio))
