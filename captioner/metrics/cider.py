"""CIDEr-D and CIDEr: n-grams weighted by how much they tell, compared with every reference.

With g(s) the vector of term frequency times idf(w) = log(images) - log(max(1, images whose references have w)), for
the n-grams of each order n = 1..4, a prediction c scores against the references s of its image

    CIDEr_n   = mean over s of g(c) . g(s) / (|g(c)| |g(s)|)
    CIDEr-D_n = mean over s of exp(-(l_c - l_s)^2 / (2 * 6^2)) * min(g(c), g(s)) . g(s) / (|g(c)| |g(s)|)

and 10 times the mean over n. The length l is the number of 2-grams, as in the COCO scorer's code (words less one).
CIDEr-D is what papers print as "CIDEr": the COCO scorer has no other. Against clipping and the length penalty, plain
CIDEr can be raised by repeating telling words.

Sources: [Vedantam et al., 2015](https://arxiv.org/abs/1411.5726); the COCO caption scorer (`cider_scorer.py`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from captioner.metrics.base import HIGHEST_ORDER, Metric, Words, count_ngrams


@dataclass(frozen=True)
class PreparedReferences:
    """The references of one image, counted and weighted once, for any number of predictions.

    Attributes:
        counts: for each order, n-gram -> [(reference, its count there), ...].
        norms: for each order, the length of each reference's vector.
        lengths: number of 2-grams of each reference.
    """

    counts: tuple[dict[tuple, list[tuple[int, int]]], ...]
    norms: tuple[tuple[float, ...], ...]
    lengths: tuple[int, ...]


class CiderD(Metric):
    """CIDEr-D (10 is the best), from document frequencies counted once. A row is `[CIDEr-D]`.

    For rewards in training, count the corpus once and score many batches:

        cider = CiderD.from_references(references)           # references[i] belongs to image i
        rewards = cider.score(predictions, images)           # predictions[k] is one for image images[k]

    Args:
        document_frequency: n-gram -> number of images that have it in a reference.
        documents: number of images they were counted over.
    """

    name = "cider_d"
    clipped = True
    sigma = 6.0

    def __init__(self, document_frequency: dict[tuple, int], documents: int):
        if documents < max(document_frequency.values(), default=1):
            raise ValueError(f"An n-gram occurs in more images than there are: documents={documents}.")
        # All n-grams of the same frequency weigh the same: a table saves most of the logarithms.
        self._unseen = math.log(documents)
        weights = {count: self._unseen - math.log(max(1, count)) for count in {*document_frequency.values()}}
        self._idf = {ngram: weights[count] for ngram, count in document_frequency.items()}
        self.prepared: list[PreparedReferences] = []

    @classmethod
    def from_references(cls, references: Sequence[Sequence[Words]]) -> "CiderD":
        """Document frequencies, and all references prepared, from the references of each image."""
        counted = [[count_ngrams(words) for words in of_image] for of_image in references]
        frequency: Counter = Counter()
        for of_image in counted:
            frequency.update({ngram for orders in of_image for counts in orders for ngram in counts})
        metric = cls(frequency, len(references))
        metric.prepared = [metric._prepare(of_image) for of_image in counted]
        return metric

    @classmethod
    def for_corpus(cls, references, training=None):
        return cls.from_references(references)

    def prepare(self, references: Sequence[Words]) -> PreparedReferences:
        """References made ready to be compared with many predictions."""
        return self._prepare([count_ngrams(words) for words in references])

    def _prepare(self, counted: list[list[Counter]]) -> PreparedReferences:
        table = tuple({} for _ in range(HIGHEST_ORDER))
        for number, orders in enumerate(counted):
            for of_order, counts in zip(table, orders, strict=True):
                for ngram, count in counts.items():
                    of_order.setdefault(ngram, []).append((number, count))
        norms = tuple(tuple(self._norm(orders[n]) for orders in counted) for n in range(HIGHEST_ORDER))
        return PreparedReferences(table, norms, tuple(orders[1].total() for orders in counted))

    def _norm(self, counts: Counter) -> float:
        idf, unseen = self._idf, self._unseen
        return math.sqrt(sum([(count * idf.get(ngram, unseen)) ** 2 for ngram, count in counts.items()]))

    def score(self, predictions: Sequence[Words], images: Sequence[int]) -> np.ndarray:
        """CIDEr-D `(N,)` of predictions `(N,)` for the images with these numbers in `from_references`."""
        pairs = zip(predictions, images, strict=True)
        return np.array([self._score(words, self.prepared[image]) for words, image in pairs])

    def statistics(self, prediction, references):
        if not isinstance(references, PreparedReferences):
            references = self.prepare(references)
        return np.array([self._score(prediction, references)])

    def _score(self, prediction: Words, references: PreparedReferences) -> float:
        orders = count_ngrams(prediction)
        similarity = [0.0] * len(references.lengths)
        for counts, table, norms in zip(orders, references.counts, references.norms, strict=True):
            norm = self._norm(counts)
            products = [0.0] * len(norms)
            for ngram, count in counts.items():
                for number, other in table.get(ngram, ()):
                    # tf * idf of both sides; the idf is shared, so that clipping is that of the counts.
                    smaller = min(count, other) if self.clipped else count
                    products[number] += smaller * other * self._idf.get(ngram, self._unseen) ** 2
            for number, product in enumerate(products):
                if product:
                    similarity[number] += product / (norm * norms[number])
        if self.clipped:
            length = orders[1].total()
            for number, other in enumerate(references.lengths):
                similarity[number] *= math.exp(-((length - other) ** 2) / (2 * self.sigma**2))
        return 10 * sum(similarity) / (HIGHEST_ORDER * len(similarity))

    def combine(self, rows):
        return {self.name: float(np.mean(rows))}

    def per_caption(self, rows):
        return {self.name: rows[:, 0]}


class Cider(CiderD):
    """Plain CIDEr: neither clipping nor a length penalty. A row is `[CIDEr]`."""

    name = "cider"
    clipped = False
