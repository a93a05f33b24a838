"""Scheduled sampling: given captions in which the decoder reads some of its own words in place of the right ones."""

import numpy as np
from keras import ops

from captioner.decoding.logits_filters import closed, draw


def mix_sampled_tokens(step, state, words, own, chance, *, fixed, closed_words, likeliest=False):
    """Replaces input words by what the decoder itself would have written there, after what it has read so far.

        word'_t = word_t                                         where `own` is False
                = a word drawn from p(. | word'_0 .. word'_t-1)  where it is True

    It reads what it will learn from: with `own` all False that is the caption itself (teacher forcing), with all True
    each word is the decoder's own (free running). Which words are replaced, and the chance that draws them, are given
    by the caller and drawn before the loop. No gradient comes back, for words have none.

    The cost is that of reading the captions once more without learning: a step takes 1.3 times as long.

    Args:
        step: `(words (R,), state) -> (log-probabilities (R, V), state)`.
        state: nest of tensors `(R, ...)` before the first word.
        words: int `(R, T)`, the words that are right; the first is the start word and stays.
        own: bool `(R, T)`, where to replace.
        chance: float `(R, T)`, uniform in [0, 1).
        fixed: ids that are never replaced: padding, start and end.
        closed_words: ids that do not replace others: what never stands before a word.
        likeliest: bool. Take the likeliest word in place of drawing one.

    Returns:
        int `(R, T)`.

    Reference: [Bengio et al. 2015](https://arxiv.org/abs/1506.03099), section 2.4.
    """
    length = words.shape[1]
    for word in fixed:
        own = ops.logical_and(own, words != word)

    def going_on(t, *_):
        return t < length

    def read(t, last, read_so_far, state):
        log_probabilities, state = step(last, state)
        scores = ops.cast(log_probabilities, "float32")
        scores = scores + closed(scores.shape[-1], closed_words)
        if likeliest:
            written = ops.cast(ops.argmax(scores, axis=-1), words.dtype)
        else:
            written = ops.cast(draw(ops.exp(scores), ops.take(chance, t, axis=1)), words.dtype)
        last = ops.where(ops.take(own, t, axis=1), written, ops.take(words, t, axis=1))
        return t + 1, last, ops.where(np.arange(length) == t, last[:, None], read_so_far), state

    loop = (ops.convert_to_tensor(1, dtype="int32"), words[:, 0], words, state)
    return ops.while_loop(going_on, read, loop, maximum_iterations=length)[2]
