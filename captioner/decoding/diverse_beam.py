"""The choice of the beams that go on, group by group and bank by bank.

The S beams of an image lie as G groups x N banks x W beams. Without groups and banks that is W beams side by side, and
one `top_k` over all of them with all next words.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from captioner.decoding.rules import IMPOSSIBLE


class Chosen(NamedTuple):
    """The captions that go on.

    scores: float `(B, S)`, their log-probabilities.
    beams: int32 `(B, S)`, which caption each continues.
    words: int32 `(B, S)`, with which word.
    """

    scores: object
    beams: object
    words: object


def choose(scores, growing, width, num_beam_groups=1, diversity_penalty=0.0, moves=None) -> Chosen:
    """Chooses the best continuations in each group and bank.

    The groups choose one after the other. A word is worth less to a group by `diversity_penalty` for each time that an
    earlier group has chosen it at this step, in the same bank:

        value(caption + word) = log p(caption) + log p(word | caption) - diversity x times chosen

    which decides about this step only: what is kept is the log-probability.

    Args:
        scores: float `(B, S)`, log-probabilities of the captions so far.
        growing: float `(B, S, V)`, log-probabilities of next words; `IMPOSSIBLE` where a word may not follow.
        width: int, W.
        num_beam_groups: int, G.
        diversity_penalty: float, the strength of the penalty.
        moves: int `(N, V)`, see `bank_moves`, or None for one bank.

    Reference: [Vijayakumar et al. 2018](https://arxiv.org/abs/1610.02424), section 4 and algorithm 1, with the Hamming
    diversity of section 5.
    """
    totals = scores[:, :, None] + growing
    if num_beam_groups == 1:
        return Chosen(*_best(totals, width, moves))
    images, slots, size = growing.shape
    block = slots // num_beam_groups
    taken, parts = None, []
    for group in range(num_beam_groups):
        own = totals[:, group * block : (group + 1) * block]
        values, beams, words = _best(own, width, moves, taken)
        if taken is not None:
            # What was chosen with a penalty is remembered without it.
            flat = ops.reshape(own, (images, block * size))
            values = ops.take_along_axis(flat, beams * size + words, axis=1)
        parts.append((values, beams + group * block, words))
        real = ops.cast(values > IMPOSSIBLE / 2, "float32")  # a place that no caption takes chooses nothing
        counts = ops.one_hot(words, size, dtype="float32") * real[:, :, None]
        counts = diversity_penalty * ops.sum(ops.reshape(counts, (images, block // width, width, size)), axis=2)
        taken = counts if taken is None else taken + counts
    return Chosen(*(ops.concatenate(each, axis=1) for each in zip(*parts, strict=True)))


def _best(totals, width, moves, taken=None):
    """The best W of each bank: values, beams and words `(B, N x W)`.

    Args:
        totals: `(B, N x W, V)`.
        taken: `(B, N, V)`, what is subtracted from a word in each bank.
    """
    images, slots, size = totals.shape
    if moves is None:
        totals = totals if taken is None else totals - taken
        values, chosen = ops.top_k(ops.reshape(totals, (images, slots * size)), width)
        chosen = ops.cast(chosen, "int32")
        return values, chosen // size, chosen % size
    totals = ops.reshape(totals, (images, len(moves), width, size))
    parts = []
    for bank in range(len(moves)):
        sources = np.flatnonzero((moves == bank).any(axis=1)).astype("int32")
        coming = ops.take(totals, sources, axis=1)
        if taken is not None:
            coming = coming - taken[:, bank][:, None, None]
        coming = ops.where((moves[sources] == bank)[None, :, None], coming, IMPOSSIBLE)
        values, chosen = ops.top_k(ops.reshape(coming, (images, len(sources) * width * size)), width)
        chosen = ops.cast(chosen, "int32")
        place = chosen // size
        beams = ops.take(ops.convert_to_tensor(sources), place // width) * width + place % width
        parts.append((values, beams, chosen % size))
    return [ops.concatenate(each, axis=1) for each in zip(*parts, strict=True)]
