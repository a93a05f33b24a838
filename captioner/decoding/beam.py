"""Beam search, batched over images and compiled whole: plain, diverse and under constraints.

Written with `keras.ops` alone, with static shapes (`K` beams, `T` words), so that the same lines run eagerly, as a
graph and under XLA, on every backend. The loop carries a `_State`; everything else is fixed in a `_Search`.

Letters: B images, K beams, G groups, N constraint states, W = K / G beams of a group in each constraint state,
S = G x N x W slots of an image, R = B x S rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
from keras import ops

from captioner.decoding.banned_tokens import banned_tokens
from captioner.decoding.constraints import IMPOSSIBLE, UNCONSTRAINED, Constraints, SpecialTokens, transition_table
from captioner.decoding.diverse_beam import choose
from captioner.decoding.logits_filters import suppress_tokens

__all__ = ["IMPOSSIBLE", "BeamOptions", "BeamResults", "beam_search"]


class BeamResults(NamedTuple):
    """The K best captions of each image, best first.

    words: int32 `(B, K, T)`, padded with the end token.
    lengths: int32 `(B, K)`, tokens without the end token.
    log_probabilities: float32 `(B, K)`, sums over tokens and end token.
    """

    words: object
    lengths: object
    log_probabilities: object


@dataclass(frozen=True)
class BeamOptions:
    """What a beam search looks for.

    num_beams: K. Captions an image; a multiple of `num_beam_groups`.
    max_words: T. Longest caption, without its end token.
    length_penalty: 0 ranks by log p, 1 by its mean over tokens and end token.
    early_stop: stop an image when none of its live captions scores better at its present length than the worst finished
        one kept. Without a length penalty that is exact; with one a caption might still have caught up, and `False`
        searches on to the longest caption.
    num_beam_groups: G.
    diversity_penalty: lambda, what a token loses for each time that an earlier group has chosen it at this step.
    constraints: what all captions satisfy.

    Raises:
        ValueError: the groups cannot share the beams, or no caption is long enough.
    """

    num_beams: int
    max_words: int
    length_penalty: float = 0.0
    early_stop: bool = True
    num_beam_groups: int = 1
    diversity_penalty: float = 0.0
    constraints: Constraints = UNCONSTRAINED

    def __post_init__(self):
        if self.num_beams % self.num_beam_groups:
            raise ValueError(
                f"The beams are shared out to `num_beam_groups`, but {self.num_beams} is no multiple of "
                f"{self.num_beam_groups}."
            )
        if not 1 <= self.constraints.min_words <= self.max_words:
            raise ValueError(
                f"No caption has at least {self.constraints.min_words} and at most {self.max_words} words."
            )

    @property
    def beams_per_state(self) -> int:
        """W, the beams of one group in one constraint state."""
        return self.num_beams // self.num_beam_groups

    @property
    def slots(self) -> int:
        """S, the live captions of an image; the decoder's state has so many rows for each."""
        return self.num_beams * self.constraints.num_states


def beam_search(step, state, batch_size, special: SpecialTokens, options: BeamOptions) -> BeamResults:
    """Searches for the captions with the highest `log p / (length + 1) ** length_penalty`.

    The captions searched are all sequences of one to T tokens followed by the end token. Captions that still grow
    ("live") never contain the end token. At each step every live caption is also tried as finished, and the best
    finished ones are kept apart, where nothing is added to their score any more.

    One beam is greedy search: the caption ends where the end token is the likeliest.

    Each image stops by itself: what is still searched for others in its batch changes nothing for it.

    With `num_beam_groups` each group is a search of its own for W captions. At each step the groups choose one after
    the other, and a token that earlier groups have just chosen is worth less (`captioner.decoding.diverse_beam`). The
    first group searches as if it were alone. The end token costs nothing, since ending is tried for all captions and
    chosen against none. Two groups may find the same caption.

    Phrases that must occur multiply the beams: each group has W beams in each of the N constraint states
    (`captioner.decoding.constraints.transition_table`), and only captions in the last state may end.

    Groups and constraint states of one beam are no greedy searches: their captions, too, are tried as finished at each
    step.

    Args:
        step: `(tokens (R,), state) -> (log-probabilities (R, V), state)`.
        state: nest of tensors `(R, ...)`: the state before the first token, the same for all slots of an image.
        batch_size: int, B.
        special: the ids of the start and end token, and of those that are never written.
        options: what is searched for.

    Returns:
        `BeamResults`. Where fewer than K captions exist the rest have a log-probability of about `IMPOSSIBLE`.
    """
    search = _Search(step, batch_size, special, options)
    loop = ops.while_loop(
        lambda *values: search.unfinished(_State(*values)),
        lambda *values: tuple(search.grow(_State(*values))),
        tuple(search.begin(state)),
        maximum_iterations=options.max_words,
    )
    return search.results(_State(*loop))


class _Finished(NamedTuple):
    """The best finished captions of each group, `(B x G, W, ...)`, and what they are ranked by."""

    words: object
    lengths: object
    log_probabilities: object
    ranks: object


class _State(NamedTuple):
    """What changes from step to step."""

    t: object  # steps done
    searching: object  # bool (B x G,), groups that may still find better captions
    words: object  # (B, S, T) of live captions
    scores: object  # (B, S), their log-probabilities
    finished: _Finished
    last: object  # (R,), the token that each row reads next
    decoder: object  # the decoder's state, a nest of (R, ...)


@dataclass(frozen=True)
class _Search:
    """What does not change, with the steps of the search as pure functions of a `_State`."""

    step: Callable
    batch_size: int
    special: SpecialTokens
    options: BeamOptions

    @property
    def groups(self) -> int:
        """All groups of the batch, B x G."""
        return self.batch_size * self.options.num_beam_groups

    @property
    def greedy(self) -> bool:
        return self.options.slots == 1

    def begin(self, decoder_state) -> _State:
        options, width = self.options, self.options.beams_per_state
        slots, rows = options.slots, self.batch_size * options.slots
        empty = ops.full((self.batch_size, slots, options.max_words), self.special.end, dtype="int32")
        impossible = ops.full((self.groups, width), IMPOSSIBLE, dtype="float32")
        finished = _Finished(self.complete(empty), ops.zeros((self.groups, width), "int32"), impossible, impossible)
        # All beams of a group begin alike, so only the first may be chosen from at the first step.
        first = ops.where(ops.arange(slots)[None] % (slots // options.num_beam_groups) == 0, 0.0, IMPOSSIBLE)
        return _State(
            t=ops.convert_to_tensor(0, dtype="int32"),
            searching=ops.ones((self.groups,), dtype="bool"),
            words=empty,
            scores=first * ops.ones((self.batch_size, 1)),
            finished=finished,
            last=ops.full((rows,), self.special.start, dtype="int32"),
            decoder=decoder_state,
        )

    def unfinished(self, state: _State):
        return ops.logical_and(state.t < self.options.max_words, ops.any(state.searching))

    def grow(self, state: _State) -> _State:
        """One step: every live caption with every next token, and every live caption as finished."""
        options = self.options
        log_probabilities, decoder = self.step(state.last, state.decoder)
        log_probabilities = self.fold(ops.cast(log_probabilities, "float32"))
        growing = self.allowed(log_probabilities, state)
        chosen = choose(
            state.scores,
            growing,
            options.beams_per_state,
            options.num_beam_groups,
            options.diversity_penalty,
            self.transitions(log_probabilities.shape[-1]),
        )
        # Every live caption as finished, were it to stop here; an empty caption is none.
        ends = self.complete(log_probabilities[:, :, self.special.end])
        searching = state.searching
        may_end = ops.logical_and(state.t >= options.constraints.min_words, searching[:, None])
        if self.greedy:
            may_end = ops.logical_and(may_end, ends >= ops.max(growing, axis=-1))
            searching = ops.logical_and(searching, ops.logical_not(may_end[:, 0]))
        finished = self.finish(state, may_end, ends, state.t)
        words = ops.where(
            ops.arange(options.max_words) == state.t, chosen.words[:, :, None], _gather(state.words, chosen.beams)
        )
        decoder = keras.tree.map_structure(
            lambda values: self.unfold(_gather(self.fold(values), chosen.beams)), decoder
        )
        if options.early_stop and not self.greedy:
            ranks = self.by_group(self.rank(chosen.scores, state.t + 1))
            searching = ops.logical_and(searching, ops.max(ranks, axis=1) > ops.min(finished.ranks, axis=1))
        last = self.unfold(chosen.words)
        return _State(state.t + 1, searching, words, chosen.scores, finished, last, decoder)

    def results(self, state: _State) -> BeamResults:
        """The best of all groups, once captions of full length were tried as finished, too."""
        options = self.options
        # Where the search has stopped earlier this changes nothing.
        log_probabilities, _ = self.step(state.last, state.decoder)
        may_end = ops.logical_and(state.t == options.max_words, state.searching[:, None])
        ends = self.complete(self.fold(ops.cast(log_probabilities, "float32"))[:, :, self.special.end])
        finished = self.finish(state, may_end, ends, options.max_words)
        if options.num_beam_groups > 1:
            shape = (self.batch_size, options.num_beams)
            finished = [ops.reshape(values, (*shape, *values.shape[2:])) for values in finished]
            order = ops.cast(ops.top_k(finished[-1], options.num_beams)[1], "int32")
            finished = [_gather(values, order) for values in finished]
        return BeamResults(*finished[:3])

    def allowed(self, log_probabilities, state: _State):
        """Log-probabilities `(B, S, V)` of next tokens, `IMPOSSIBLE` where a token may not follow."""
        constraints, size = self.options.constraints, log_probabilities.shape[-1]
        never = {*self.special.suppressed, self.special.start, self.special.end, *constraints.bad_words}
        growing = log_probabilities + suppress_tokens(size, never)
        banned = banned_tokens(constraints, state.words, state.t, size)
        return growing if banned is None else ops.where(banned, IMPOSSIBLE, growing)

    def transitions(self, vocabulary_size: int):
        constraints = self.options.constraints
        return None if constraints.num_states == 1 else transition_table(constraints.force_phrases, vocabulary_size)

    def finish(self, state: _State, may_end, ends, length) -> _Finished:
        """The best finished captions, those among them that end now at `length` tokens where they may."""
        scores = ops.where(may_end, self.complete(state.scores) + ends, IMPOSSIBLE)
        lengths = ops.full((self.groups, self.options.beams_per_state), length, "int32")
        ending = _Finished(self.complete(state.words), lengths, scores, self.rank(scores, length))
        joined = [ops.concatenate(pair, axis=1) for pair in zip(state.finished, ending, strict=True)]
        best = ops.cast(ops.top_k(joined[-1], self.options.beams_per_state)[1], "int32")
        return _Finished(*(_gather(values, best) for values in joined))

    def rank(self, log_probabilities, length):
        return log_probabilities / ops.cast(length + 1, "float32") ** self.options.length_penalty

    def fold(self, values):
        """`(R, ...)` to `(B, S, ...)`."""
        return ops.reshape(values, (self.batch_size, self.options.slots, *values.shape[1:]))

    def unfold(self, values):
        """`(B, S, ...)` to `(R, ...)`."""
        return ops.reshape(values, (self.batch_size * self.options.slots, *values.shape[2:]))

    def by_group(self, values):
        """`(B, S, ...)` to `(B x G, N x W, ...)`."""
        count = self.options.num_beam_groups
        if count == 1:
            return values
        return ops.reshape(values, (self.groups, self.options.slots // count, *values.shape[2:]))

    def complete(self, values):
        """`(B, S, ...)` to `(B x G, W, ...)`: those in the last constraint state, which may end."""
        values = self.by_group(values)
        return values if self.options.constraints.num_states == 1 else values[:, -self.options.beams_per_state :]


def _gather(values, beams):
    """Re-orders beams: values `(B, K, ...)` by indices `(B, N)`; states by a product, faster than a gather."""
    # Scores must not lose digits, as they do in the products of some accelerators.
    if not keras.backend.is_float_dtype(values.dtype) or len(values.shape) == 2:
        return ops.take_along_axis(values, ops.reshape(beams, (*beams.shape, *[1] * (len(values.shape) - 2))), 1)
    chosen = ops.one_hot(beams, values.shape[1], dtype=values.dtype)
    flat = ops.reshape(values, (values.shape[0], values.shape[1], -1))
    return ops.reshape(ops.matmul(chosen, flat), (*beams.shape, *values.shape[2:]))
