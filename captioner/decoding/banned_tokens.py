"""Which tokens may follow a caption that is being written, under its constraints."""

from keras import ops

from captioner.decoding.constraints import Constraints


def banned_tokens(constraints: Constraints, words, t, vocabulary_size: int):
    """Which tokens may not follow, because of the tokens before.

    Args:
        words: int `(..., T)`, of which the first t are written.
        t: int tensor.

    Returns:
        bool `(..., V)`, or None where the constraints depend on no tokens before.
    """
    banned = []
    if constraints.no_repeat_ngram_size:
        banned.append(_repeats_ngram(words, t, constraints.no_repeat_ngram_size, vocabulary_size))
    for phrase in constraints.bad_sequences:
        *before, last = phrase
        ready = t >= len(before)
        for back, token in enumerate(reversed(before), start=1):
            ready = ops.logical_and(ready, _token_before(words, t, back) == token)
        banned.append(ops.logical_and(ready[..., None], ops.arange(vocabulary_size) == last))
    if not banned:
        return None
    union = banned[0]
    for more in banned[1:]:
        union = ops.logical_or(union, more)
    return union


def _repeats_ngram(words, t, n, vocabulary_size):
    """Tokens `(..., V)` with which the last n - 1 tokens would make an n-gram that is in the caption already."""
    positions = ops.arange(words.shape[-1])
    same = ops.logical_and(positions >= n - 1, positions < t)  # positions where such an n-gram may end
    for back in range(1, n):
        same = ops.logical_and(same, ops.roll(words, back, axis=-1) == _token_before(words, t, back)[..., None])
    tokens = words[..., None] == ops.arange(vocabulary_size)
    return ops.any(ops.logical_and(same[..., None], tokens), axis=-2)


def _token_before(words, t, back):
    """The token `(...)` that stands `back` positions before t; any token where there is none."""
    return ops.take(words, ops.maximum(t - back, 0), axis=-1)
