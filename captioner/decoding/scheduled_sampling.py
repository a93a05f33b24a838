"""Scheduled sampling: in training, a decoder reads some of the words that it samples itself."""

import numpy as np
from keras import ops

from captioner.decoding.logits_filters import suppress_tokens
from captioner.layers.categorical import sample_categorical


def mix_sampled_tokens(step, state, words, sample_mask, uniform_noise, *, fixed, suppressed, greedy=False):
    """Replaces input words by words that the decoder samples, given the words that it has read so far.

        word'_t = word_t                                           where `sample_mask` is False
                = a word sampled from p(. | word'_0 .. word'_t-1)  where it is True

    With a mask of False this is teacher forcing, with a mask of True free running. The mask and the noise are drawn by
    the caller, before the loop. Words have no gradient, so none flows back.

    The cost is that of reading the captions once more without learning: a step takes 1.3 times as long.

    Args:
        step: `(words (R,), state) -> (log-probabilities (R, V), state)`.
        state: nest of tensors `(R, ...)` before the first word.
        words: int `(R, T)`, the words that are right; the first is the start word and stays.
        sample_mask: bool `(R, T)`, which words to replace.
        uniform_noise: float `(R, T)`, in [0, 1).
        fixed: ids that are never replaced: padding, start and end.
        suppressed: ids that are never sampled: those that never precede a word.
        greedy: bool. Take the likeliest word instead of a sample.

    Returns:
        int `(R, T)`.

    Reference: [Bengio et al. 2015](https://arxiv.org/abs/1506.03099), section 2.4.
    """
    length = words.shape[1]
    for word in fixed:
        sample_mask = ops.logical_and(sample_mask, words != word)

    def unfinished(t, *_):
        return t < length

    def read(t, last, read_so_far, state):
        log_probabilities, state = step(last, state)
        scores = ops.cast(log_probabilities, "float32")
        scores = scores + suppress_tokens(scores.shape[-1], suppressed)
        if greedy:
            sampled = ops.cast(ops.argmax(scores, axis=-1), words.dtype)
        else:
            sampled = ops.cast(sample_categorical(ops.exp(scores), ops.take(uniform_noise, t, axis=1)), words.dtype)
        last = ops.where(ops.take(sample_mask, t, axis=1), sampled, ops.take(words, t, axis=1))
        return t + 1, last, ops.where(np.arange(length) == t, last[:, None], read_so_far), state

    loop = (ops.convert_to_tensor(1, dtype="int32"), words[:, 0], words, state)
    return ops.while_loop(unfinished, read, loop, maximum_iterations=length)[2]
