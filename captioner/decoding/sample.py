"""Sampling captions token by token, batched and compiled whole, as beam search is."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from keras import ops

from captioner.decoding.banned_tokens import banned_tokens
from captioner.decoding.constraints import IMPOSSIBLE, UNCONSTRAINED, Constraints, SpecialTokens
from captioner.decoding.logits_filters import suppress_tokens, top_k_top_p_filter
from captioner.layers.categorical import sample_categorical


class SampleResults(NamedTuple):
    """One caption for each row.

    words: int32 `(R, T)`, padded with the end token.
    lengths: int32 `(R,)`, tokens without the end token.
    ended: bool `(R,)`. Whether the end token was sampled; otherwise the caption was cut at T tokens.
    log_probabilities: float32 `(R,)`, sums over tokens and, where it was sampled, end token, under the model itself:
        neither temperature nor top-k and top-p change them.
    """

    words: object
    lengths: object
    ended: object
    log_probabilities: object


@dataclass(frozen=True)
class SampleOptions:
    """The distribution that is sampled from.

    temperature: below 1 likely tokens become likelier; 1 is the model's own distribution, 0 takes the likeliest.
    top_k: only from so many of the likeliest tokens; 0 for all.
    top_p: only from the fewest tokens whose probabilities sum to it. The nucleus of Holtzman et al. 2020, section 3.1.
    constraints: what captions satisfy. Phrases that must occur are for a search, which can compare captions by their
        constraint state.

    Raises:
        ValueError: there are phrases that must occur.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    constraints: Constraints = UNCONSTRAINED

    def __post_init__(self):
        if self.constraints.force_phrases:
            raise ValueError("Captions with phrases that must occur can be searched for, not sampled.")


class _State(NamedTuple):
    """What changes from step to step."""

    t: object  # steps done
    live: object  # bool (R,), captions without an end
    words: object  # (R, T)
    scores: object  # (R,), log-probabilities
    last: object  # (R,), the token that each row reads next
    decoder: object  # the decoder's state, a nest of (R, ...)


def sample(step, state, noise, special: SpecialTokens, options=SampleOptions(), greedy=None) -> SampleResults:
    """Samples captions from the model's own distribution, or from a sharper one.

    An empty caption is none, so the first token is never the end. All randomness is in `noise`, given by the caller:
    the same noise gives the same captions, on every backend.

    Args:
        step: `(tokens (R,), state) -> (log-probabilities (R, V), state)`.
        state: nest of tensors `(R, ...)`.
        noise: float `(R, T)`, uniform in [0, 1); T is the number of tokens, the end token included.
        special: the ids of the start and end token, and of those that are never sampled.
        options: the distribution that is sampled from.
        greedy: bool `(R,)`. Rows where it is True take the likeliest token, as greedy search does; None for none.
    """
    rows, max_words = noise.shape

    def unfinished(t, live, *_):
        return ops.logical_and(t < max_words, ops.any(live))

    def grow(*values):
        state = _State(*values)
        log_probabilities, decoder = step(state.last, state.decoder)
        log_probabilities = ops.cast(log_probabilities, "float32")
        weights = _weights(log_probabilities, state, special, options)
        sampled = sample_categorical(weights, ops.take(noise, state.t, axis=1))
        if greedy is not None:
            sampled = ops.where(greedy, ops.cast(ops.argmax(weights, axis=-1), "int32"), sampled)
        chosen = ops.squeeze(ops.take_along_axis(log_probabilities, sampled[:, None], axis=-1), axis=-1)
        scores = state.scores + ops.where(state.live, chosen, 0.0)
        sampled = ops.where(state.live, sampled, special.end)
        words = ops.where(ops.arange(max_words) == state.t, sampled[:, None], state.words)
        live = ops.logical_and(state.live, sampled != special.end)
        return tuple(_State(state.t + 1, live, words, scores, sampled, decoder))

    begin = _State(
        t=ops.convert_to_tensor(0, dtype="int32"),
        live=ops.ones((rows,), dtype="bool"),
        words=ops.full((rows, max_words), special.end, dtype="int32"),
        scores=ops.zeros((rows,), dtype="float32"),
        last=ops.full((rows,), special.start, dtype="int32"),
        decoder=state,
    )
    final = _State(*ops.while_loop(unfinished, grow, tuple(begin), maximum_iterations=max_words))
    lengths = ops.sum(ops.cast(final.words != special.end, "int32"), axis=-1)
    return SampleResults(final.words, lengths, ops.logical_not(final.live), final.scores)


def _weights(log_probabilities, state: _State, special: SpecialTokens, options: SampleOptions):
    """The probabilities `(R, V)`, up to a factor, that the next tokens are sampled from."""
    constraints, size = options.constraints, log_probabilities.shape[-1]
    too_short = ops.where(state.t < constraints.min_words, IMPOSSIBLE, 0.0)
    ending = ops.where(ops.arange(size) == special.end, too_short, 0.0)
    never = {*special.suppressed, special.start, *constraints.bad_words}
    scores = log_probabilities + suppress_tokens(size, never) + ending
    banned = banned_tokens(constraints, state.words, state.t, size)
    scores = scores if banned is None else ops.where(banned, IMPOSSIBLE, scores)
    return top_k_top_p_filter(scores, options.temperature, options.top_k, options.top_p)


def uniform_noise(rows, max_words, seed):
    """Noise `(rows, max_words)` for `sample`; `seed` is an int or a sequence of ints."""
    return np.random.default_rng(seed).random((rows, max_words), dtype="float32")
