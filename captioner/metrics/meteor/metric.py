"""METEOR 1.5: words that match exactly, by stem, as synonyms or as paraphrases, and how scattered they are.

Of an alignment of caption and reference (`alignment`), with m_i matched words of module i, weights w_i of the modules
(exact 1, stem 0.6, synonym 0.8, paraphrase 0.6), content words counting d = 0.75 and function words 1 - d:

    P = sum_i w_i (d m_i(content of the caption) + (1 - d) m_i(function words of the caption)) / weighted length
    R = the same of the reference
    F = 1 / ((1 - a) / P + a / R),          a = 0.85
    METEOR = F (1 - g (chunks / m)^b),      g = 0.6, b = 0.2

where m is the mean of the matched words of both sides, and a reference that is matched as a whole costs no penalty. Of
several references the best one counts; the score of a set is that of the sums of its counts. It equals what
`pycocoevalcap` prints, which runs the original in Java with `-l en -norm`.

Source: [Denkowski & Lavie, 2014](https://aclanthology.org/W14-3348/), section 3 and table 2.
"""

import functools
from collections.abc import Sequence

import numpy as np

from captioner.metrics.base import Metric, MetricUnavailable, Prominence, Score, image_numbers
from captioner.metrics.meteor.alignment import align, count_chunks
from captioner.metrics.meteor.matching import MODULES, Matcher
from captioner.metrics.meteor.normalization import meteor_words
from captioner.metrics.meteor.resources import (
    METEOR_MISSING,
    MeteorResources,
    ResourcesDamaged,
    find_resources,
    load_resources,
)

_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_MODULE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])
_WORD_WEIGHTS = np.array([_DELTA, 1 - _DELTA])  # of content and of function words
_LONGEST = 1000  # words of a sentence; what follows does not count, since every word is compared with every other
_CAPTION, _REFERENCE = 0, 1
# A row: the content and function words of caption and reference (4), those that match by each module (16), chunks (none
# where both sides match as a whole), and the score of the caption alone.
_LENGTHS, _MATCHES, _CHUNKS, _SCORE = slice(0, 4), slice(4, 4 + 4 * MODULES), -2, -1


class Meteor(Metric):
    """METEOR 1.5 for English. A row holds the counts of the best reference, and the score of the caption.

    Args:
        resources: METEOR's tables; those that `pycocoevalcap` installed by default.

    Raises:
        MetricUnavailable: they are not installed, or damaged.

    Example:

        Meteor().rows([["a", "dog", "runs"]], References([[["the", "dog", "is", "running"]]]))
    """

    scores = (Score("meteor", "METEOR", "METEOR", prominence=Prominence.MAIN, per_item=True),)
    in_training = False  # the table of paraphrases alone takes ten seconds

    def __init__(self, resources: MeteorResources | None = None):
        try:
            if resources is None:
                found = find_resources()
                if found is None:
                    raise MetricUnavailable("METEOR", METEOR_MISSING)
                resources = load_resources(*found)
        except ResourcesDamaged as error:
            raise MetricUnavailable("METEOR", f"{error} Install pycocoevalcap again.") from error
        self._resources = resources

    def rows(self, predictions, references, images=None):
        numbers = image_numbers(predictions, references, images).tolist()
        words = functools.cache(lambda sentence: meteor_words(" ".join(sentence), self._resources.prefixes)[:_LONGEST])
        captions = [words(tuple(prediction)) for prediction in predictions]
        compared = [[words(tuple(reference)) for reference in references[number]] for number in numbers]
        sentences = captions + [reference for several in compared for reference in several]
        try:
            matcher = Matcher(self._resources, sentences)
        except ResourcesDamaged as error:
            raise MetricUnavailable("METEOR", f"{error} Install pycocoevalcap again.") from error
        rows = [
            max((self._row(matcher, caption, reference) for reference in several), key=lambda row: row[_SCORE])
            for caption, several in zip(captions, compared, strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 6 + 4 * MODULES)

    def _row(self, matcher: Matcher, caption: Sequence[str], reference: Sequence[str]) -> np.ndarray:
        alignment = align(matcher.matches(caption, reference), len(caption))
        kinds = [[word in self._resources.function_words for word in sentence] for sentence in (caption, reference)]
        matched = np.zeros((MODULES, 2, 2))  # module, side, content or function
        for module, start, length, caption_start, caption_length in alignment:
            for kind in kinds[_CAPTION][caption_start : caption_start + caption_length]:
                matched[module, _CAPTION, int(kind)] += 1
            for kind in kinds[_REFERENCE][start : start + length]:
                matched[module, _REFERENCE, int(kind)] += 1
        lengths = np.array([[len(side) - sum(side), sum(side)] for side in kinds])
        chunks = count_chunks(alignment)
        whole = chunks == 1 and np.array_equal(matched.sum(axis=(0, 2)), lengths.sum(axis=1))
        row = np.array([*lengths.ravel(), *matched.ravel(), 0 if whole else chunks, 0])
        row[_SCORE] = meteor_of(row)
        return row

    @classmethod
    def combine(cls, rows):
        if not len(rows):
            raise ValueError("There is nothing to score: no rows.")
        return {"meteor": float(meteor_of(rows.sum(axis=0)))}

    @classmethod
    def per_item(cls, rows):
        return {"meteor": rows[:, _SCORE]}


def meteor_of(row: np.ndarray) -> float:
    """METEOR from the counts of one caption, or from sums of counts `(22,)`; 0 where nothing matches."""
    lengths = row[_LENGTHS].reshape(2, 2) @ _WORD_WEIGHTS
    matches = row[_MATCHES].reshape(MODULES, 2, 2)
    weighted = _MODULE_WEIGHTS @ (matches @ _WORD_WEIGHTS)
    if not weighted.all():
        return 0.0
    precision, recall = weighted / lengths
    mean = 1 / ((1 - _ALPHA) / precision + _ALPHA / recall)
    fragmentation = row[_CHUNKS] / (matches.sum() / 2)
    return mean * (1 - _GAMMA * fragmentation**_BETA)
