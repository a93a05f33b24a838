"""Which words and phrases of two sentences could match: exactly, by stem, as synonyms, as paraphrases."""

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from captioner.metrics.meteor.resources import MeteorResources

EXACT, STEM, SYNONYM, PARAPHRASE = range(4)
MODULES = 4
_MOST_CANDIDATES = 40  # of a word of the reference
_LONGEST_PHRASE = 7  # words of the longest phrases of METEOR's table


class Match(NamedTuple):
    """Words `start` to `start + length` of the reference match those from `caption_start` on of the caption."""

    module: int
    start: int
    length: int
    caption_start: int
    caption_length: int


class Matcher:
    """Finds all possible matches.

    Args:
        resources: METEOR's tables.
        sentences: the words of all sentences that will be compared: paraphrases are looked up for these only.
    """

    def __init__(self, resources: MeteorResources, sentences: Iterable[Sequence[str]]):
        from nltk.stem.snowball import SnowballStemmer

        self._stem = functools.cache(SnowballStemmer("english").stem)
        self._synsets = functools.cache(resources.synsets_of)
        phrases = {phrase for words in sentences for phrase, _, _ in _phrases(words)}
        self._paraphrases = resources.paraphrases_of(phrases)
        self._modules = functools.cache(self._modules_of)

    def matches(self, caption: Sequence[str], reference: Sequence[str]) -> list[list[Match]]:
        """For each word of the reference, the matches that begin with it, in METEOR's order: by module, then by place.

        Identical sentences match exactly, and in no other way: that keeps the search for their alignment from errors.
        """
        identical = list(caption) == list(reference)
        matches = [
            sorted(
                Match(module, start, 1, caption_start, 1)
                for caption_start, other in enumerate(caption)
                for module in self._modules(other, word)
                if module == EXACT or not identical
            )
            for start, word in enumerate(reference)
        ]
        if not identical:
            self._add_paraphrases(matches, caption, reference)
        return [_nearest(candidates, start) for start, candidates in enumerate(matches)]

    def _modules_of(self, word: str, other: str) -> tuple[int, ...]:
        """The modules by which two words match."""
        if word == other:
            return (EXACT,)
        return (STEM,) * (self._stem(word) == self._stem(other)) + (SYNONYM,) * (
            not self._synsets(word).isdisjoint(self._synsets(other))
        )

    def _add_paraphrases(self, matches, caption, reference) -> None:
        """Phrases of the reference with paraphrases in the caption, and the other way round; a pair may count twice."""
        caption_phrases, reference_phrases = _places(caption), _places(reference)
        for phrase, start, length in _phrases(reference):
            for caption_start, caption_length in self._found(phrase, caption_phrases):
                matches[start].append(Match(PARAPHRASE, start, length, caption_start, caption_length))
        for phrase, caption_start, caption_length in _phrases(caption):
            for start, length in self._found(phrase, reference_phrases):
                matches[start].append(Match(PARAPHRASE, start, length, caption_start, caption_length))

    def _found(self, phrase: str, places: dict[str, list[tuple[int, int]]]) -> list[tuple[int, int]]:
        """Where the paraphrases of a phrase are, in the order of the table."""
        paraphrases = self._paraphrases.get(phrase)
        if not paraphrases:
            return []
        numbered = sorted(
            (number, paraphrase)
            for paraphrase in paraphrases.keys() & places.keys()
            for number in paraphrases[paraphrase]
        )
        return [place for _, paraphrase in numbered for place in places[paraphrase]]


def _nearest(candidates: list[Match], start: int) -> list[Match]:
    """The candidates in their order; of very many, as in the same word a thousand times, those at similar places."""
    if len(candidates) <= _MOST_CANDIDATES:
        return candidates
    kept = sorted(range(len(candidates)), key=lambda number: abs(candidates[number].caption_start - start))
    return [candidates[number] for number in sorted(kept[:_MOST_CANDIDATES])]


def _phrases(words: Sequence[str]) -> list[tuple[str, int, int]]:
    """`(phrase, start, length)`, by start, then by length."""
    return [
        (" ".join(words[start : start + length]), start, length)
        for start in range(len(words))
        for length in range(1, min(_LONGEST_PHRASE, len(words) - start) + 1)
    ]


def _places(words: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    places = defaultdict(list)
    for phrase, start, length in _phrases(words):
        places[phrase].append((start, length))
    return places
