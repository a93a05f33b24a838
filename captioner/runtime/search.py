"""Beam search in NumPy: the search of `captioner.decoding.beam`, written down a second time.

It knows beams, greedy search, lengths and words that never occur. Written apart from the other, it is also what the
tests compare that one with.

Letters: B images, K beams, R = B x K rows, T words, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from captioner.decoding.constraints import IMPOSSIBLE, SpecialTokens


class SearchResults(NamedTuple):
    """The K best captions of each image, best first.

    words: int32 `(B, K, T)`, padded with the end token.
    lengths: int32 `(B, K)`, tokens without the end token.
    log_probabilities: float32 `(B, K)`, sums over tokens and end token.
    """

    words: np.ndarray
    lengths: np.ndarray
    log_probabilities: np.ndarray


class SearchOptions(NamedTuple):
    """What is searched for: see `captioner.decoding.beam.BeamOptions`; `bad_words` are ids."""

    num_beams: int
    max_words: int
    length_penalty: float = 0.0
    min_words: int = 1
    bad_words: tuple[int, ...] = ()


def beam_search(
    step: Callable, state: dict[str, np.ndarray], batch_size: int, special: SpecialTokens, options: SearchOptions
) -> SearchResults:
    """The captions with the highest `log p / (length + 1) ** length_penalty`.

    An image stops where none of its live captions scores better at its present length than the worst finished one; one
    beam takes the likeliest word each time.

    Args:
        step: `(tokens (R,), state) -> (log-probabilities (R, V), state)`.
        state: arrays `(R, ...)`: the state before the first token, the same for all beams of an image.
        batch_size: B.
        special: the ids of the start and end token, and of those that are never written.
        options: what is searched for.
    """
    beams, longest, greedy = options.num_beams, options.max_words, options.num_beams == 1
    words = np.full((batch_size, beams, longest), special.end, "int32")
    scores = np.full((batch_size, beams), IMPOSSIBLE, "float32")
    scores[:, 0] = 0  # all beams begin alike: only the first may be chosen from
    done = SearchResults(words.copy(), np.zeros((batch_size, beams), "int32"), np.full_like(scores, IMPOSSIBLE))
    last = np.full(batch_size * beams, special.start, "int32")
    searching = np.ones(batch_size, bool)
    never = [special.start, special.end, *special.suppressed, *options.bad_words]
    rows = np.arange(batch_size)[:, None]
    for length in range(longest + 1):
        log_probabilities, state = step(last, state)
        log_probabilities = np.asarray(log_probabilities, "float32").reshape(batch_size, beams, -1)
        ends = log_probabilities[:, :, special.end]
        may_end = np.repeat(searching[:, None] & (length >= options.min_words), beams, axis=1)
        growing = log_probabilities.copy()
        growing[:, :, never] += IMPOSSIBLE
        if greedy and length < longest:
            may_end &= ends >= growing.max(axis=-1)
            searching &= ~may_end[:, 0]
        ending = SearchResults(words, np.full_like(done.lengths, length), np.where(may_end, scores + ends, IMPOSSIBLE))
        done = _best_finished(done, ending, options.length_penalty)
        if length == longest:
            break
        totals = (scores[:, :, None] + growing).reshape(batch_size, -1)
        best = _largest(totals, beams)
        parents, tokens = np.divmod(best, log_probabilities.shape[-1])
        scores = np.take_along_axis(totals, best, axis=1)
        words = words[rows, parents]
        words[:, :, length] = tokens
        chosen = (rows * beams + parents).ravel()
        state = {name: values[chosen] for name, values in state.items()}
        last = tokens.astype("int32").ravel()
        if not greedy:
            worst = _rank(done.log_probabilities, done.lengths, options.length_penalty).min(axis=1)
            searching &= _rank(scores, length + 1, options.length_penalty).max(axis=1) > worst
        if not searching.any():
            break
    return done


def _rank(log_probabilities: np.ndarray, lengths, length_penalty: float) -> np.ndarray:
    return log_probabilities / np.asarray(lengths + 1, "float32") ** np.float32(length_penalty)


def _best_finished(done: SearchResults, ending: SearchResults, length_penalty: float) -> SearchResults:
    """The best K captions of those that had ended and those that end now."""
    joined = [np.concatenate(pair, axis=1) for pair in zip(done, ending, strict=True)]
    best = _largest(_rank(joined[2], joined[1], length_penalty), done.lengths.shape[1])
    return SearchResults(*(values[np.arange(len(best))[:, None], best] for values in joined))


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices `(B, count)` of the largest of `(B, N)`, the largest first, the first of equal ones first.

    One after the other: to sort all beams' words takes ten times as long as to look through them `count` times.
    """
    left, rows = values.copy(), np.arange(len(values))
    best = np.empty((len(values), count), np.intp)
    for place in range(count):
        best[:, place] = left.argmax(axis=1)
        left[rows, best[:, place]] = -np.inf
    return best
