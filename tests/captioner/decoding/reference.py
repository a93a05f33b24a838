"""Beam search as one would write it down: lists of captions, one image, one caption at a time."""

import functools
from collections import Counter

import numpy as np

from captioner.decoding.constraints import UNCONSTRAINED
from tests.captioner.decoding.test_beam import END, START, WORDS


class Spoken:
    """A language whose log-probabilities are looked up by the words before."""

    def __init__(self, language):
        self.language = language
        self.after = functools.cache(self._after)

    def _after(self, image, words):
        """`(log-probabilities of the next word, state)` after `words`."""
        if words:
            state, last = self.after(image, words[:-1])[1], words[-1]
        else:
            state, last = self.language.start([image], 1), START
        scores, state = self.language.step(np.array([last], "int32"), state)
        return np.asarray(scores)[0], state

    def score(self, image, words):
        return sum(float(self.after(image, words[:n])[0][word]) for n, word in enumerate((*words, END)))


def holds(words, phrase):
    return any(words[start : start + len(phrase)] == phrase for start in range(len(words) - len(phrase) + 1))


def repeats(words, n):
    pieces = [words[start : start + n] for start in range(len(words) - n + 1)] if n else []
    return len(set(pieces)) < len(pieces)


def keeps(words, constraints):
    """Whether a whole caption keeps to the constraints."""
    return (
        len(words) >= constraints.min_words
        and not repeats(words, constraints.no_repeat_ngram_size)
        and not any(holds(words, phrase) for phrase in constraints.bad_phrases)
        and all(holds(words, phrase) for phrase in constraints.force_phrases)
    )


def bank_of(words, constraints):
    """How far a caption has come with each phrase."""
    return tuple(
        len(phrase)
        if holds(words, phrase)
        else max(n for n in range(len(phrase)) if words[len(words) - n :] == phrase[:n])
        for phrase in constraints.force_phrases
    )


def search(
    spoken,
    image,
    width,
    longest,
    num_beam_groups=1,
    diversity_penalty=0.0,
    constraints=UNCONSTRAINED,
    length_penalty=0.0,
):
    """The best captions `[(words, log-probability)]`, without stopping early."""
    beams = width // num_beam_groups
    live = [{bank_of((), constraints): [((), 0.0)]} for _ in range(num_beam_groups)]
    done = [[] for _ in range(num_beam_groups)]
    whole = tuple(map(len, constraints.force_phrases))
    for length in range(longest + 1):
        taken = Counter()
        for group in range(num_beam_groups):
            offers = {}
            for words, score in (caption for bank in live[group].values() for caption in bank):
                scores = spoken.after(image, words)[0]
                for word in WORDS if length < longest else ():
                    longer = (*words, word)
                    forbidden = any(holds(longer, never) for never in constraints.bad_phrases)
                    if forbidden or repeats(longer, constraints.no_repeat_ngram_size):
                        continue
                    bank = bank_of(longer, constraints)
                    value = score + float(scores[word]) - diversity_penalty * taken[bank, word]
                    offers.setdefault(bank, []).append((value, longer, score + float(scores[word])))
            for words, score in live[group].get(whole, []):
                if length >= constraints.min_words:
                    done[group].append((words, score + float(spoken.after(image, words)[0][END])))
            live[group] = {
                bank: [(words, score) for _, words, score in sorted(offer, reverse=True)[:beams]]
                for bank, offer in offers.items()
            }
            taken.update((bank, words[-1]) for bank, captions in live[group].items() for words, _ in captions)

    def rank(caption):
        return caption[1] / (len(caption[0]) + 1) ** length_penalty

    kept = [caption for found in done for caption in sorted(found, key=rank, reverse=True)[:beams]]
    return sorted(kept, key=rank, reverse=True)
