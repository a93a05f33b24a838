r"""WUPS: how close answers are in meaning, as the authors of DAQUAR compute it.

    WUPS(A, T) = min( prod_{a in A} max_{t in T} mu(a, t),  prod_{t in T} max_{a in A} mu(t, a) )

A is the set of the predicted answer, T that of the true one (written with commas). mu(a, t) is 1 where the words are
the same, 0 where WordNet has one of them not as a noun, and else the largest Wu-Palmer similarity of two of their
senses, times 0.1 where that is below the threshold. The threshold 0.9 makes near-synonyms count, 0.0 compares loosely.

    wup(x, y) = 2 depth(s) / (d(x, s) + d(y, s) + 2 depth(s)),   s the lowest sense above both

with details of `nltk`, which the authors used: s is the one whose shortest way to the root is longest (of several, x
itself, else the first by name), its depth counts the longest way. nltk walks through WordNet for every pair of senses;
here the ways up are found once a sense, and similarities once a pair of words.

Sources: [Malinowski & Fritz, 2014](https://arxiv.org/abs/1410.0210), section 4; the authors' `calculate_wups.py`; Wu
and Palmer, 1994.
"""

import numpy as np

from captioner.metrics.base import ItemMetric, MetricUnavailable, Score
from captioner.text.answers import agreed, items, with_blanks
from captioner.text.wordnet import WORDNET_MISSING, WordNetDamaged, open_wordnet

THRESHOLDS = (0.9, 0.0)
_NOTHING = 1e-12
_DISTANT = 0.1  # what is left of a similarity below the threshold


class Wups(ItemMetric):
    """WUPS at the thresholds 0.9 and 0.0. A row is `[WUPS@0.9, WUPS@0.0]`.

    Args:
        wordnet: nltk's reader of WordNet; the installed one by default.

    Raises:
        MetricUnavailable: WordNet is not installed, or damaged.
    """

    scores = tuple(
        Score(f"wups_{threshold}", f"WUPS at {threshold}", f"W-{threshold}", "W: WUPS" if threshold == 0.9 else "",
              per_item=True)
        for threshold in THRESHOLDS
    )  # fmt: skip
    in_training = False

    def __init__(self, wordnet=None):
        try:
            wordnet = wordnet or open_wordnet()
        except WordNetDamaged as error:
            raise MetricUnavailable("WUPS", str(error)) from None
        if wordnet is None:
            raise MetricUnavailable("WUPS", WORDNET_MISSING)
        self._similarity = WordSimilarity(wordnet)
        self._scored: dict[tuple[str, str], np.ndarray] = {}

    def statistics(self, prediction, answers):
        pair = prediction, agreed(answers)
        if pair not in self._scored:  # most answers are frequent answers
            predicted, true = (items(with_blanks(answer)) for answer in pair)
            self._scored[pair] = np.minimum(self._products(predicted, true), self._products(true, predicted))
        return self._scored[pair]

    def _products(self, members: list[str], others: list[str]) -> np.ndarray:
        """The products over `members` of the similarity to the closest of `others`, one a threshold."""
        products, same = np.ones(len(THRESHOLDS)), set(others)
        for member in members:
            closest = 1.0 if member in same else max(self._similarity(member, other) for other in others)
            products *= [closest * (_DISTANT if closest < threshold else 1.0) for threshold in THRESHOLDS]
            if products.max() < _NOTHING:  # sets of thousands: the rest makes it smaller still
                break
        return products


class WordSimilarity:
    """The largest Wu-Palmer similarity of two nouns' senses; 1 for the same word, 0 for what is no noun.

    Senses get numbers, because sets of numbers are compared many times as fast as sets of nltk's objects.

    Args:
        wordnet: nltk's reader of WordNet.
    """

    def __init__(self, wordnet):
        self._wordnet = wordnet
        self._numbers: dict[str, int] = {}  # name of a sense -> its number
        self._names: list[str] = []
        self._above: list[dict[int, int]] = []  # of each sense: every one above it, itself included -> steps to it
        self._depths: list[tuple[int, int]] = []  # of each sense: the shortest and the longest way to the root
        self._senses: dict[str, list[int]] = {}
        self._distances: dict[tuple[int, int], float] = {}
        self._known: dict[tuple[str, str], float] = {}

    def __call__(self, first: str, second: str) -> float:
        if first == second:
            return 1.0
        pair = first, second
        if pair not in self._known:
            similarities = (self._wup(x, y) for x in self._of_word(first) for y in self._of_word(second))
            self._known[pair] = max(similarities, default=0.0)
        return self._known[pair]

    def _of_word(self, word: str) -> list[int]:
        """The noun senses of a word or a phrase, or of its base form."""
        if word not in self._senses:
            joined = word.replace(" ", "_")  # as WordNet writes phrases
            self._senses[word] = [self._number(sense) for sense in self._wordnet.synsets(joined, pos="n")]
        return self._senses[word]

    def _number(self, sense) -> int:
        """The number of a sense, which comes after those of everything above it."""
        name = sense.name()
        if name not in self._numbers:
            above: dict[int, int] = {}
            for parent in sense.hypernyms() + sense.instance_hypernyms():
                for ancestor, steps in self._above[self._number(parent)].items():
                    above[ancestor] = min(above.get(ancestor, steps + 1), steps + 1)
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
            self._above.append({number: 0, **above})
            self._depths.append((sense.min_depth(), sense.max_depth()))
        return self._numbers[name]

    def _wup(self, first: int, second: int) -> float:
        """The Wu-Palmer similarity of two senses; 0 where nothing is above both."""
        shared = self._above[first].keys() & self._above[second].keys()
        if not shared:
            return 0.0
        depths = self._depths
        lowest = max([depths[sense][0] for sense in shared])
        candidates = [sense for sense in shared if depths[sense][0] == lowest]
        meeting = first if first in candidates else min(candidates, key=self._names.__getitem__)
        depth = depths[meeting][1] + 1  # both ends of the way count
        return 2 * depth / (self._distance(first, meeting) + self._distance(second, meeting) + 2 * depth)

    def _distance(self, lower: int, upper: int) -> float:
        """The fewest steps between two senses, by way of anything above both."""
        pair = lower, upper
        if pair not in self._distances:
            ways, others = self._above[lower], self._above[upper]
            self._distances[pair] = min(ways[sense] + others[sense] for sense in ways.keys() & others.keys())
        return self._distances[pair]
