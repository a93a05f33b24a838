"""Beam search, batched over images and compiled whole: plain, diverse and under constraints.

Written with `keras.ops` alone, with static shapes (`K` beams, `T` words), so that the same lines run eagerly, as a
graph and under XLA, on every backend.
"""

from typing import NamedTuple

import keras
from keras import ops

from captioner.decoding.constraints import barred, closed_words
from captioner.decoding.diverse_beam import choose
from captioner.decoding.rules import FREE, IMPOSSIBLE, Rules, bank_moves

__all__ = ["IMPOSSIBLE", "Searched", "beam_search"]


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
    step,
    state,
    *,
    batch_size,
    start,
    end,
    width,
    max_words,
    length_penalty=0.0,
    forbidden=(),
    early_stop=True,
    num_beam_groups=1,
    diversity_penalty=0.0,
    rules: Rules = FREE,
):
    """Looks for the captions with the highest `log p / (words + 1) ** length_penalty`.

    The captions searched are all sequences of one to `max_words` words followed by the end word. Captions that still
    grow ("live") never contain the end word. At each word every live caption is also tried as finished, and the best
    finished ones are kept apart, where nothing is added to their score any more.

    One beam is greedy search: the caption ends where the end word is the likeliest.

    Each image stops by itself: what is still searched for others in its batch changes nothing for it.

    With `num_beam_groups` the beams are shared out to num_beam_groups, each of which is a search of its own for `width
    / num_beam_groups` captions. At each word the groups choose one after the other, and a word that earlier groups have
    just chosen is worth less (`captioner.decoding.diverse_beam`). The first group searches as if it were alone. The end
    word costs nothing, since ending is tried for all captions and chosen against none. Two groups may find the same
    caption.

    Phrases that must occur multiply the beams: N = `rules.banks` banks of each group hold captions that have come
    equally far with them (`captioner.decoding.rules`), and only captions of the last bank may end.

    Groups and banks of one beam are no greedy searches: their captions, too, are tried as finished at each word.

    Args:
        step: `(words (R,), state) -> (log-probabilities (R, V), state)`, R = B x width x N.
        state: nest of tensors `(R, ...)`: the state before the first word, the same for all beams of an image.
        batch_size: int, B.
        start, end: int. Ids of the words that open and close a caption.
        width: int, K. Captions an image; a multiple of `num_beam_groups`.
        max_words: int, T. Longest caption, without its end word.
        length_penalty: float. 0 ranks by log p, 1 by its mean over words and end word.
        forbidden: ids of words never written, such as padding and the unknown word.
        early_stop: bool. Stop an image when none of its live captions scores better at its present length than the
            worst finished one kept. Without a length penalty that is exact; with one a caption might still have
            caught up, and `False` searches on to the longest caption.
        num_beam_groups: int, G.
        diversity_penalty: float, lambda. What a word loses for each time that an earlier group has chosen it at this
        step.
        rules: what all captions keep to.

    Returns:
        `Searched`. Where fewer than K captions exist the rest have a log-probability of about `IMPOSSIBLE`.
    """
    if width % num_beam_groups:
        raise ValueError(
            f"`width` beams are shared out to `num_beam_groups`, but {width} is no multiple of {num_beam_groups}."
        )
    if not 1 <= rules.min_words <= max_words:
        raise ValueError(f"No caption has at least {rules.min_words} and at most {max_words} words.")
    banks, beams_a_bank, searches = rules.banks, width // num_beam_groups, batch_size * num_beam_groups
    slots, rows = width * banks, batch_size * width * banks
    greedy = slots == 1

    def rank(log_probability, length):
        return log_probability / ops.cast(length + 1, "float32") ** length_penalty

    def fold(values):  # (R, ...) -> (B, S, ...)
        return ops.reshape(values, (batch_size, slots, *values.shape[1:]))

    def unfold(values):
        return ops.reshape(values, (rows, *values.shape[2:]))

    def apart(values):  # (B, S, ...) -> (B x G, S / G, ...): each group is a search of its own
        return (
            values
            if num_beam_groups == 1
            else ops.reshape(values, (searches, slots // num_beam_groups, *values.shape[2:]))
        )

    def able(values):  # (B, S, ...) -> (B x G, W, ...): of captions that have all that must occur
        values = apart(values)
        return values if banks == 1 else values[:, -beams_a_bank:]

    def pick(values, beams):
        """Re-orders beams: values `(B, K, ...)` by indices `(B, N)`; states by a product, faster than a gather."""
        # Scores must not lose digits, as they do in the products of some accelerators.
        if not keras.backend.is_float_dtype(values.dtype) or len(values.shape) == 2:
            return ops.take_along_axis(values, ops.reshape(beams, (*beams.shape, *[1] * (len(values.shape) - 2))), 1)
        chosen = ops.one_hot(beams, values.shape[1], dtype=values.dtype)
        flat = ops.reshape(values, (values.shape[0], values.shape[1], -1))
        return ops.reshape(ops.matmul(chosen, flat), (*beams.shape, *values.shape[2:]))

    def going_on(t, searching, *_):
        return ops.logical_and(t < max_words, ops.any(searching))

    def grow(t, searching, words, scores, done_words, done_lengths, done_scores, done_ranks, last, state):
        log_probabilities, state = step(last, state)
        log_probabilities = fold(ops.cast(log_probabilities, "float32"))
        vocabulary_size = log_probabilities.shape[-1]
        growing = log_probabilities + closed_words(rules, vocabulary_size, {*forbidden, start, end})
        shut = barred(rules, words, t, vocabulary_size)
        growing = growing if shut is None else ops.where(shut, IMPOSSIBLE, growing)

        # Every live caption with every next word.
        moves = None if banks == 1 else bank_moves(rules.always, vocabulary_size)
        chosen = choose(scores, growing, beams_a_bank, num_beam_groups, diversity_penalty, moves)

        # Every live caption as finished, were it to stop here; an empty caption is none.
        ends = able(log_probabilities[:, :, end])
        may_end = ops.logical_and(t >= rules.min_words, searching[:, None])
        if greedy:
            may_end = ops.logical_and(may_end, ends >= ops.max(growing, axis=-1))
            searching = ops.logical_and(searching, ops.logical_not(may_end[:, 0]))
        ending = ops.where(may_end, able(scores) + ends, IMPOSSIBLE)
        done = _keep_best(
            pick, beams_a_bank,
            (done_words, able(words)), (done_lengths, ops.full((searches, beams_a_bank), t, "int32")),
            (done_scores, ending), (done_ranks, rank(ending, t)),
        )  # fmt: skip

        words = ops.where(ops.arange(max_words) == t, chosen.words[:, :, None], pick(words, chosen.beams))
        state = keras.tree.map_structure(lambda values: unfold(pick(fold(values), chosen.beams)), state)
        if early_stop and not greedy:
            hopeful = ops.max(apart(rank(chosen.scores, t + 1)), axis=1) > ops.min(done[-1], axis=1)
            searching = ops.logical_and(searching, hopeful)
        return t + 1, searching, words, chosen.scores, *done, ops.reshape(chosen.words, (rows,)), state

    empty = ops.full((batch_size, slots, max_words), end, dtype="int32")
    nothing = ops.full((searches, beams_a_bank), IMPOSSIBLE, dtype="float32")
    # All beams of a group begin alike, so only the first may be chosen from at the first word.
    first = ops.where(ops.arange(slots)[None] % (slots // num_beam_groups) == 0, 0.0, IMPOSSIBLE)
    first *= ops.ones((batch_size, 1))
    loop = (
        ops.convert_to_tensor(0, dtype="int32"), ops.ones((searches,), dtype="bool"), empty, first,
        able(empty), ops.zeros((searches, beams_a_bank), "int32"), nothing, nothing,
        ops.full((rows,), start, dtype="int32"), state,
    )  # fmt: skip
    t, searching, words, scores, *done, last, state = ops.while_loop(going_on, grow, loop, maximum_iterations=max_words)

    # Captions of full length have not been tried as finished yet. Where the search has stopped this changes nothing.
    log_probabilities, _ = step(last, state)
    full = ops.logical_and(t == max_words, searching[:, None])
    ends = able(fold(ops.cast(log_probabilities, "float32"))[:, :, end])
    ending = ops.where(full, able(scores) + ends, IMPOSSIBLE)
    done_words, done_lengths, done_scores, done_ranks = done
    done = _keep_best(
        pick, beams_a_bank,
        (done_words, able(words)), (done_lengths, ops.full((searches, beams_a_bank), max_words, "int32")),
        (done_scores, ending), (done_ranks, rank(ending, max_words)),
    )  # fmt: skip
    if num_beam_groups > 1:
        done = [ops.reshape(values, (batch_size, width, *values.shape[2:])) for values in done]
        order = ops.cast(ops.top_k(done[-1], width)[1], "int32")
        done = [pick(values, order) for values in done]
    return Searched(*done[:3])


def _keep_best(pick, width, *pairs):
    """Joins pairs of `(B, K, ...)` along the beams and keeps the `width` with the highest last values."""
    joined = [ops.concatenate(pair, axis=1) for pair in pairs]
    _, best = ops.top_k(joined[-1], width)
    best = ops.cast(best, "int32")
    return [pick(values, best) for values in joined]
