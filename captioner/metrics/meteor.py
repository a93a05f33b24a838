"""METEOR as nltk computes it, with the WordNet that is installed. Not the METEOR 1.5 that papers on captions print.

    P = matches / words of the prediction, R = matches / words of the reference
    F = P R / (0.9 P + 0.1 R)
    METEOR = (1 - 0.5 (chunks / matches)^3) F,   the best over the references

Words match if they are equal, else if their stems are, else if WordNet has them in one set of synonyms; a chunk is a
run of matches in the same order on both sides. METEOR 1.5 has other parameters, paraphrases and weights for function
words, and needs Java (`captioner evaluate --scorer coco`): the same captions get some 0.48 here and 0.25 there. So this
one is called `meteor_wordnet`, and the two are never compared.

Sources: [Lavie & Agarwal, 2007](https://aclanthology.org/W07-0734/); `nltk.translate.meteor_score`.
"""

import functools
from types import SimpleNamespace

import numpy as np

from captioner.metrics.base import ItemMetric, MetricUnavailable, Score
from captioner.text.wordnet import WORDNET_MISSING, open_wordnet


class MeteorWordNet(ItemMetric):
    """METEOR of nltk with WordNet; not METEOR 1.5, which needs Java. A row is `[METEOR]`.

    Args:
        wordnet: nltk's reader of WordNet; the installed one by default.

    Raises:
        MetricUnavailable: WordNet is not installed.
    """

    scores = (Score("meteor_wordnet", "METEOR of nltk (not METEOR 1.5)", per_item=True),)
    in_training = False

    def __init__(self, wordnet=None):
        wordnet = wordnet or open_wordnet()
        if wordnet is None:
            raise MetricUnavailable("METEOR with WordNet", WORDNET_MISSING)
        self._wordnet, self._stemmer = _cached_synonyms(wordnet), _cached_stemmer()

    def statistics(self, prediction, references):
        from nltk.translate.meteor_score import meteor_score

        value = meteor_score(
            list(map(list, references)), list(prediction), preprocess=_unchanged, stemmer=self._stemmer,
            wordnet=self._wordnet,
        )  # fmt: skip
        return np.array([value])


def _unchanged(word: str) -> str:
    return word  # tokenizers have lower-cased already what is to be


def _cached_stemmer() -> SimpleNamespace:
    """Porter's stemmer; captions repeat their words."""
    from nltk.stem.porter import PorterStemmer

    return SimpleNamespace(stem=functools.lru_cache(maxsize=1 << 16)(PorterStemmer().stem))


def _cached_synonyms(wordnet) -> SimpleNamespace:
    """As much of WordNet as the score asks for: one set of all synonyms a word, looked up once."""

    @functools.lru_cache(maxsize=1 << 16)
    def synsets(word: str) -> tuple[SimpleNamespace]:
        names = {name for synset in wordnet.synsets(word) for name in synset.lemma_names()}
        lemmas = [SimpleNamespace(name=functools.partial(str, name)) for name in sorted(names) if "_" not in name]
        return (SimpleNamespace(lemmas=lambda: lemmas),)

    return SimpleNamespace(synsets=synsets)
