"""CIDEr-D and CIDEr: n-grams weighted by how much they tell, compared with every reference.

With g(s) the vector of counts times idf, idf(w) = log(images) - log(max(1, images whose references have w)),
for the n-grams of order n = 1..4, a prediction c is compared with the references s of its image:

    CIDEr_n   = mean over s of g(c) . g(s) / (|g(c)| |g(s)|)
    CIDEr-D_n = mean over s of exp(-(l_c - l_s)^2 / (2 * 6^2)) * min(g(c), g(s)) . g(s) / (|g(c)| |g(s)|)

The score is 10 times the mean over n; l is the number of words. CIDEr-D is what papers print as "CIDEr", for
the COCO scorer has no other. Plain CIDEr can be raised by repeating telling words, which clipping and the
length penalty prevent.

Sources: [Vedantam et al., 2015](https://arxiv.org/abs/1411.5726); the COCO caption scorer
(https://github.com/tylin/coco-caption, `cider_scorer.py`).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from captioner.metrics.base import Metric, Prominence, Score, image_numbers
from captioner.metrics.ngrams import ORDERS, NgramCounts, Numbering, References, Words

_SIGMA = 6.0


class CiderD(Metric):
    """CIDEr-D (10 is the highest), with document frequencies counted once. A row is `[CIDEr-D]`.

    For rewards in training, count the corpus once and score many batches:

        cider = CiderD.from_references(references)           # references[i] are those of image i
        rewards = cider.score(predictions, images)           # predictions[k] is for image images[k]

    Args:
        document_frequency: n-gram (a tuple of words) -> number of images that have it in a reference.
        documents: number of images they were counted over.

    Raises:
        ValueError: an n-gram that occurs in more images than there are, or in none.
    """

    scores = (Score("cider_d", "CIDEr-D", "CIDEr-D", prominence=Prominence.MAIN, per_item=True),)
    clipped = True

    def __init__(self, document_frequency: Mapping[tuple[str, ...], int], documents: int):
        numbering = Numbering()
        numbers = [numbering.of(ngram) for ngram in document_frequency]
        frequency = np.ones(numbering.total)  # beginnings of n-grams that are not in the table themselves
        frequency[numbers] = list(document_frequency.values())
        self._set_frequency(numbering, frequency, documents)
        self._references: References | None = None

    def _set_frequency(self, numbering: Numbering, frequency: np.ndarray, documents: int) -> None:
        if documents < 1 or np.any(frequency > documents) or np.any(frequency < 1):
            raise ValueError(f"Each n-gram must occur in 1 to {documents} images, received other frequencies.")
        self._numbering = numbering
        # The last entry is for n-grams that no reference has: they count as if one image had them.
        self._idf = math.log(documents) - np.log(np.append(frequency, 1))

    @classmethod
    def from_references(cls, references: Sequence[Sequence[Words]] | References) -> "CiderD":
        """The metric with the document frequencies of these references, which are kept for `score`."""
        if not isinstance(references, References):
            references = References(references)
        metric = cls.__new__(cls)
        counts, size = references.counts, references.numbering.total
        image = np.searchsorted(references.first, counts.caption, side="right") - 1
        in_images = np.sort(image * size + counts.ngram)  # np.unique hashes, which is ten times slower here
        in_images = in_images[np.diff(in_images, prepend=-1) > 0]
        frequency = np.maximum(1, np.bincount(in_images % max(1, size), minlength=size))
        metric._set_frequency(references.numbering, frequency, len(references))
        metric._references = references
        metric._reference_norms = metric._norms(references.counts)
        return metric

    @classmethod
    def for_corpus(cls, references, training=None):
        return cls.from_references(references)

    def score(self, predictions: Sequence[Words], images: Sequence[int] | None = None) -> np.ndarray:
        """The values `(N,)` of predictions for the images with these numbers in `from_references`."""
        if self._references is None:
            raise ValueError(f"`score` needs references: use `{type(self).__name__}.from_references`.")
        return self.rows(predictions, self._references, images)[:, 0]

    def statistics(self, prediction, references):
        return self.rows([prediction], References([references], Numbering(self._numbering)))[0]

    def rows(self, predictions, references, images=None):
        images = image_numbers(predictions, references, images)
        if not references.numbering.continues(self._numbering):
            # Counted elsewhere: its n-grams have other numbers than here.
            references = References(references.words, Numbering(self._numbering))
        own = references is self._references
        reference_norms = self._reference_norms if own else self._norms(references.counts)

        counts = references.count(predictions)
        entry, reference, seen = references.shared(counts, images)
        caption, order = counts.caption[entry], counts.order[entry]
        count = np.minimum(counts.count[entry], seen) if self.clipped else counts.count[entry]
        # An n-gram weighs the same on both sides, so that clipping the weighted is clipping the counts.
        products = count * seen * self._weights(counts.ngram[entry]) ** 2
        norms = self._norms(counts)[caption, order] * reference_norms[reference, order]
        cosines = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
        if self.clipped:
            longer = counts.lengths[caption] - references.counts.lengths[reference]
            cosines *= np.exp(-(longer**2) / (2 * _SIGMA**2))
        references_of = references.first[images + 1] - references.first[images]
        sums = np.bincount(caption, cosines, len(predictions))
        return (10 * sums / (ORDERS * references_of)).reshape(-1, 1)

    def _weights(self, ngram: np.ndarray) -> np.ndarray:
        """idf of n-grams `(E,)`. Numbers beyond the table are those of n-grams that no reference has."""
        return self._idf[np.minimum(ngram, len(self._idf) - 1)]

    def _norms(self, counts: NgramCounts) -> np.ndarray:
        """Lengths `(N, 4)` of the vectors of captions, one an order."""
        return np.sqrt(counts.sum_by_order((counts.count * self._weights(counts.ngram)) ** 2))


class Cider(CiderD):
    """Plain CIDEr: neither clipping nor a length penalty. A row is `[CIDEr]`."""

    scores = (Score("cider", "CIDEr", per_item=True),)
    clipped = False
    in_training = False  # nobody reports it, and it takes as long as CIDEr-D
