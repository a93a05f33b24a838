"""Which words may follow a caption that is being written, as its rules say."""

import numpy as np
from keras import ops

from captioner.decoding.logits_filters import closed
from captioner.decoding.rules import Rules


def closed_words(rules: Rules, vocabulary_size: int, forbidden) -> np.ndarray:
    """What is added to scores `(..., V)` so that words which never occur are not written, whatever stands before."""
    return closed(vocabulary_size, {*forbidden, *rules.closed})


def barred(rules: Rules, words, t, vocabulary_size: int):
    """Which words may not follow, because of the words before.

    Args:
        words: int `(..., T)`, of which the first t are written.
        t: int tensor.

    Returns:
        bool `(..., V)`, or None where the rules look at no words before.
    """
    found = []
    if rules.no_repeat_ngram_size:
        found.append(_would_repeat(words, t, rules.no_repeat_ngram_size, vocabulary_size))
    for phrase in rules.watched:
        *before, last = phrase
        ready = t >= len(before)
        for back, word in enumerate(reversed(before), start=1):
            ready = ops.logical_and(ready, _word_before(words, t, back) == word)
        found.append(ops.logical_and(ready[..., None], ops.arange(vocabulary_size) == last))
    if not found:
        return None
    whole = found[0]
    for more in found[1:]:
        whole = ops.logical_or(whole, more)
    return whole


def _would_repeat(words, t, n, vocabulary_size):
    """Words `(..., V)` with which the last n - 1 words would make n words that stand in the caption already."""
    places = ops.arange(words.shape[-1])
    same = ops.logical_and(places >= n - 1, places < t)  # places where such n words may end
    for back in range(1, n):
        same = ops.logical_and(same, ops.roll(words, back, axis=-1) == _word_before(words, t, back)[..., None])
    there = words[..., None] == ops.arange(vocabulary_size)
    return ops.any(ops.logical_and(same[..., None], there), axis=-2)


def _word_before(words, t, back):
    """The word `(...)` that stands `back` places before t; any word where there is none."""
    return ops.take(words, ops.maximum(t - back, 0), axis=-1)
