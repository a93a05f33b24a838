"""The choice of the beams that go on, group by group and constraint state by constraint state.

The S slots of an image lie as G groups x N constraint states x W beams. Without groups and constraints that is W beams
side by side, and one `top_k` over all of them with all next tokens.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from captioner.decoding.constraints import IMPOSSIBLE


class Chosen(NamedTuple):
    """The captions that go on.

    scores: float `(B, S)`, their log-probabilities.
    beams: int32 `(B, S)`, which caption each continues.
    words: int32 `(B, S)`, with which word.
    """

    scores: object
    beams: object
    words: object


def choose(scores, growing, width, num_beam_groups=1, diversity_penalty=0.0, transitions=None) -> Chosen:
    """Chooses the best continuations in each group and constraint state.

    The groups choose one after the other. A word is worth less to a group by `diversity_penalty` for each time that an
    earlier group has chosen it at this step, in the same state:

        value(caption + word) = log p(caption) + log p(word | caption) - diversity x times chosen

    which decides about this step only: what is kept is the log-probability.

    Args:
        scores: float `(B, S)`, log-probabilities of the captions so far.
        growing: float `(B, S, V)`, log-probabilities of next words; `IMPOSSIBLE` where a word may not follow.
        width: int, W.
        num_beam_groups: int, G.
        diversity_penalty: float, the strength of the penalty.
        transitions: int `(N, V)`, see `transition_table`, or None for one state.

    Reference: [Vijayakumar et al. 2018](https://arxiv.org/abs/1610.02424), section 4 and algorithm 1, with the Hamming
    diversity of section 5.
    """
    totals = scores[:, :, None] + growing
    if num_beam_groups == 1:
        return Chosen(*_best(totals, width, transitions))
    images, slots, size = growing.shape
    block = slots // num_beam_groups
    penalty, parts = None, []
    for group in range(num_beam_groups):
        own = totals[:, group * block : (group + 1) * block]
        values, beams, words = _best(own, width, transitions, penalty)
        if penalty is not None:
            # The penalty decides about this step only.
            flat = ops.reshape(own, (images, block * size))
            values = ops.take_along_axis(flat, beams * size + words, axis=1)
        parts.append((values, beams + group * block, words))
        real = ops.cast(values > IMPOSSIBLE / 2, "float32")  # a slot without a caption chooses nothing
        counts = ops.one_hot(words, size, dtype="float32") * real[:, :, None]
        counts = diversity_penalty * ops.sum(ops.reshape(counts, (images, block // width, width, size)), axis=2)
        penalty = counts if penalty is None else penalty + counts
    return Chosen(*(ops.concatenate(each, axis=1) for each in zip(*parts, strict=True)))


def _best(totals, width, transitions, penalty=None):
    """The best W of each constraint state: values, beams and words `(B, N x W)`.

    Args:
        totals: `(B, N x W, V)`.
        penalty: `(B, N, V)`, what is subtracted from a word in each state.
    """
    images, slots, size = totals.shape
    if transitions is None:
        totals = totals if penalty is None else totals - penalty
        values, chosen = ops.top_k(ops.reshape(totals, (images, slots * size)), width)
        chosen = ops.cast(chosen, "int32")
        return values, chosen // size, chosen % size
    totals = ops.reshape(totals, (images, len(transitions), width, size))
    parts = []
    for target in range(len(transitions)):
        sources = np.flatnonzero((transitions == target).any(axis=1)).astype("int32")
        coming = ops.take(totals, sources, axis=1)
        if penalty is not None:
            coming = coming - penalty[:, target][:, None, None]
        coming = ops.where((transitions[sources] == target)[None, :, None], coming, IMPOSSIBLE)
        values, chosen = ops.top_k(ops.reshape(coming, (images, len(sources) * width * size)), width)
        chosen = ops.cast(chosen, "int32")
        slot = chosen // size
        beams = ops.take(ops.convert_to_tensor(sources), slot // width) * width + slot % width
        parts.append((values, beams, chosen % size))
    return [ops.concatenate(each, axis=1) for each in zip(*parts, strict=True)]
