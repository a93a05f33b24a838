"""Beam search, batched over images and compiled whole.

Written with `keras.ops` alone, with static shapes (`K` beams, `T` words), so that the same lines run eagerly, as a
graph and under XLA, on every backend.
"""

from typing import NamedTuple

import keras
from keras import ops

IMPOSSIBLE = -1e9  # stands for log 0: finite, so that sums and products with 0 stay numbers


class Searched(NamedTuple):
    """The K best captions of each image, best first.

    words: int32 `(B, K, T)`, filled up with the end word.
    lengths: int32 `(B, K)`, words without the end word.
    log_probabilities: float32 `(B, K)`, sums over words and end word.
    """

    words: object
    lengths: object
    log_probabilities: object


def beam_search(
    step, state, *, batch_size, start, end, width, max_words, length_penalty=0.0, forbidden=(), early_stop=True
):
    """Looks for the captions with the highest `log p / (words + 1) ** length_penalty`.

    The captions searched are all sequences of one to `max_words` words followed by the end word. Captions that still
    grow ("live") never contain the end word. At each word every live caption is also tried as finished, and the best
    finished ones are kept apart, where nothing is added to their score any more.

    One beam is greedy search: the caption ends where the end word is the likeliest.

    Each image stops by itself: what is still searched for others in its batch changes nothing for it.

    Args:
        step: `(words (R,), state) -> (log-probabilities (R, V), state)`, R = B x width.
        state: nest of tensors `(R, ...)`: the state before the first word, the same for all beams of an image.
        batch_size: int, B.
        start, end: int. Ids of the words that open and close a caption.
        width: int, K. Beams an image.
        max_words: int, T. Longest caption, without its end word.
        length_penalty: float. 0 ranks by log p, 1 by its mean over words and end word.
        forbidden: ids of words never written, such as padding and the unknown word.
        early_stop: bool. Stop an image when none of its live captions scores better at its present length than the
            worst finished one kept. Without a length penalty that is exact; with one a caption might still have
            caught up, and `False` searches on to the longest caption.

    Returns:
        `Searched`. Where fewer than K captions exist the rest have a log-probability of about `IMPOSSIBLE`.
    """
    rows = batch_size * width

    def rank(log_probability, length):
        return log_probability / ops.cast(length + 1, "float32") ** length_penalty

    def fold(values):  # (R, ...) -> (B, K, ...)
        return ops.reshape(values, (batch_size, width, *values.shape[1:]))

    def unfold(values):
        return ops.reshape(values, (rows, *values.shape[2:]))

    def pick(values, beams):
        """Re-orders beams: values `(B, K, ...)` by indices `(B, N)`; states by a product, faster than a gather."""
        # Scores must not lose digits, as they do in the products of some accelerators.
        if not keras.backend.is_float_dtype(values.dtype) or len(values.shape) == 2:
            return ops.take_along_axis(values, ops.reshape(beams, (*beams.shape, *[1] * (len(values.shape) - 2))), 1)
        chosen = ops.one_hot(beams, values.shape[1], dtype=values.dtype)
        flat = ops.reshape(values, (batch_size, values.shape[1], -1))
        return ops.reshape(ops.matmul(chosen, flat), (batch_size, beams.shape[1], *values.shape[2:]))

    def going_on(t, searching, *_):
        return ops.logical_and(t < max_words, ops.any(searching))

    def grow(t, searching, words, scores, done_words, done_lengths, done_scores, done_ranks, last, state):
        log_probabilities, state = step(last, state)
        log_probabilities = fold(ops.cast(log_probabilities, "float32"))
        vocabulary_size = log_probabilities.shape[-1]
        growing = log_probabilities + closed_words(vocabulary_size)

        # Every live caption as finished, were it to stop here; an empty caption is none.
        may_end = ops.logical_and(t > 0, searching[:, None])
        if width == 1:
            may_end = ops.logical_and(may_end, log_probabilities[:, :, end] >= ops.max(growing, axis=-1))
            searching = ops.logical_and(searching, ops.logical_not(may_end[:, 0]))
        ending = ops.where(may_end, scores + log_probabilities[:, :, end], IMPOSSIBLE)
        done = _keep_best(
            pick, width,
            (done_words, words), (done_lengths, ops.full((batch_size, width), t, "int32")),
            (done_scores, ending), (done_ranks, rank(ending, t)),
        )  # fmt: skip

        # Every live caption with every next word.
        candidates = scores[:, :, None] + growing
        scores, chosen = ops.top_k(ops.reshape(candidates, (batch_size, width * vocabulary_size)), width)
        chosen = ops.cast(chosen, "int32")
        beams, next_words = chosen // vocabulary_size, chosen % vocabulary_size
        words = ops.where(ops.arange(max_words) == t, next_words[:, :, None], pick(words, beams))
        state = keras.tree.map_structure(lambda values: unfold(pick(fold(values), beams)), state)
        if early_stop and width > 1:
            hopeful = ops.max(rank(scores, t + 1), axis=1) > ops.min(done[-1], axis=1)
            searching = ops.logical_and(searching, hopeful)
        return t + 1, searching, words, scores, *done, ops.reshape(next_words, (rows,)), state

    def closed_words(vocabulary_size):
        closed = [IMPOSSIBLE if word in {*forbidden, start, end} else 0.0 for word in range(vocabulary_size)]
        return ops.convert_to_tensor(closed, dtype="float32")

    empty = ops.full((batch_size, width, max_words), end, dtype="int32")
    nothing = ops.full((batch_size, width), IMPOSSIBLE, dtype="float32")
    # All beams begin alike, so only the first may be chosen from at the first word.
    first = ops.where(ops.arange(width)[None] == 0, 0.0, IMPOSSIBLE) * ops.ones((batch_size, 1))
    loop = (
        ops.convert_to_tensor(0, dtype="int32"), ops.ones((batch_size,), dtype="bool"), empty, first,
        empty, ops.zeros((batch_size, width), "int32"), nothing, nothing,
        ops.full((rows,), start, dtype="int32"), state,
    )  # fmt: skip
    t, searching, words, scores, *done, last, state = ops.while_loop(going_on, grow, loop, maximum_iterations=max_words)

    # Captions of full length have not been tried as finished yet. Where the search has stopped this changes nothing.
    log_probabilities, _ = step(last, state)
    full = ops.logical_and(t == max_words, searching[:, None])
    ending = ops.where(full, scores + fold(ops.cast(log_probabilities, "float32"))[:, :, end], IMPOSSIBLE)
    done_words, done_lengths, done_scores, done_ranks = done
    done_words, done_lengths, done_scores, _ = _keep_best(
        pick, width,
        (done_words, words), (done_lengths, ops.full((batch_size, width), max_words, "int32")),
        (done_scores, ending), (done_ranks, rank(ending, max_words)),
    )  # fmt: skip
    return Searched(done_words, done_lengths, done_scores)


def _keep_best(pick, width, *pairs):
    """Joins pairs of `(B, K, ...)` along the beams and keeps the `width` with the highest last values."""
    joined = [ops.concatenate(pair, axis=1) for pair in pairs]
    _, best = ops.top_k(joined[-1], width)
    best = ops.cast(best, "int32")
    return [pick(values, best) for values in joined]
