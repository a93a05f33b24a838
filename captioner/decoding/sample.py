"""Drawing captions word by word, batched and compiled whole, as beam search is."""

from typing import NamedTuple

import numpy as np
from keras import ops

from captioner.decoding.constraints import barred, closed_words
from captioner.decoding.logits_filters import draw, narrowed
from captioner.decoding.rules import FREE, IMPOSSIBLE, Rules


class Sampled(NamedTuple):
    """One caption for each row.

    words: int32 `(R, T)`, filled up with the end word.
    lengths: int32 `(R,)`, words without the end word.
    ended: bool `(R,)`. Whether the end word was drawn; otherwise the caption was cut at T words.
    log_probabilities: float32 `(R,)`, sums over words and, where it was drawn, end word, under the model itself:
        neither temperature nor the cutting of unlikely words changes them.
    """

    words: object
    lengths: object
    ended: object
    log_probabilities: object


def sample(
    step,
    state,
    *,
    noise,
    start,
    end,
    temperature=1.0,
    top_k=0,
    top_p=1.0,
    forbidden=(),
    greedy=None,
    rules: Rules = FREE,
):
    """Draws captions from the model's own distribution, or from a sharper one.

    At each word the scores are divided by `temperature`, all but the `top_k` likeliest words are left out, then all
    but the fewest words whose probabilities sum to `top_p`, and one of the rest is drawn. An empty caption is none, so
    the first word is never the end.

    All chance is in `noise`, given by the caller: the same noise gives the same captions, on every backend.

    Args:
        step: `(words (R,), state) -> (log-probabilities (R, V), state)`.
        state: nest of tensors `(R, ...)`.
        noise: float `(R, T)`, uniform in [0, 1); T is the number of words, the end word included.
        start, end: ids.
        temperature: float. Below 1 likely words become likelier; 1 leaves the distribution as it is.
        top_k: int. 0 for all words.
        top_p: float in (0, 1]. The nucleus of Holtzman et al. 2020, section 3.1.
        forbidden: ids never drawn, such as padding and the unknown word.
        greedy: bool `(R,)`. Rows where it is True take the likeliest word, as greedy search does; None for none.
        rules: what captions keep to. Phrases that must occur are for a search, which can tell captions apart by how
            far they have come with them: here they would have to be forced.

    Returns:
        `Sampled`.
    """
    if rules.always:
        raise ValueError("Captions with phrases that must occur can be searched for, not drawn.")
    rows, max_words = noise.shape

    def going_on(t, live, *_):
        return ops.logical_and(t < max_words, ops.any(live))

    def grow(t, live, words, scores, last, state):
        log_probabilities, state = step(last, state)
        log_probabilities = ops.cast(log_probabilities, "float32")
        weights = allowed(log_probabilities, words, t)
        drawn = draw(weights, ops.take(noise, t, axis=1))
        if greedy is not None:
            drawn = ops.where(greedy, ops.cast(ops.argmax(weights, axis=-1), "int32"), drawn)
        chosen = ops.squeeze(ops.take_along_axis(log_probabilities, drawn[:, None], axis=-1), axis=-1)
        scores = scores + ops.where(live, chosen, 0.0)
        drawn = ops.where(live, drawn, end)
        words = ops.where(ops.arange(max_words) == t, drawn[:, None], words)
        return t + 1, ops.logical_and(live, drawn != end), words, scores, drawn, state

    def allowed(log_probabilities, words, t):
        vocabulary_size = log_probabilities.shape[-1]
        too_short = ops.where(t < rules.min_words, IMPOSSIBLE, 0.0)
        ending = ops.where(ops.arange(vocabulary_size) == end, too_short, 0.0)
        scores = log_probabilities + closed_words(rules, vocabulary_size, {*forbidden, start}) + ending
        shut = barred(rules, words, t, vocabulary_size)
        scores = scores if shut is None else ops.where(shut, IMPOSSIBLE, scores)
        return narrowed(scores, temperature, top_k, top_p)

    loop = (
        ops.convert_to_tensor(0, dtype="int32"), ops.ones((rows,), dtype="bool"),
        ops.full((rows, max_words), end, dtype="int32"), ops.zeros((rows,), dtype="float32"),
        ops.full((rows,), start, dtype="int32"), state,
    )  # fmt: skip
    _, live, words, scores, _, _ = ops.while_loop(going_on, grow, loop, maximum_iterations=max_words)
    lengths = ops.sum(ops.cast(words != end, "int32"), axis=-1)
    return Sampled(words, lengths, ops.logical_not(live), scores)


def uniform_noise(rows, max_words, seed):
    """Noise `(rows, max_words)` for `sample`; `seed` is an int or a sequence of ints."""
    return np.random.default_rng(seed).random((rows, max_words), dtype="float32")
