"""Which words may be drawn, and with which probabilities; `draw` then draws one.

`xp` is `keras.ops`, or `numpy` for a loop that computes a word at a time: the same lines serve both.
"""

import numpy as np
from keras import ops

from captioner.decoding.rules import IMPOSSIBLE
from captioner.layers.categorical import draw

__all__ = ["closed", "draw", "narrowed"]


def closed(vocabulary_size, forbidden) -> np.ndarray:
    """What is added to scores `(..., V)` so that `forbidden` ids are never drawn."""
    added = np.zeros(vocabulary_size, "float32")
    added[list(forbidden)] = IMPOSSIBLE
    return added


def narrowed(scores, temperature=1.0, top_k=0, top_p=1.0, xp=ops):
    """The probabilities that are drawn from, up to a factor.

        p_v ~ exp(score_v / temperature)

    of which all but the `top_k` likeliest words are left out, then all but the fewest words whose probabilities sum to
    `top_p`. Words that are equally likely stay or go together.

    Args:
        scores: `(..., V)`, log-probabilities or logits.
        temperature: float. Below 1 likely words become likelier; 1 leaves the distribution as it is, 0 leaves the
            likeliest word alone.
        top_k: int. 0 for all words.
        top_p: float in (0, 1]. The nucleus of Holtzman et al. 2020, section 3.1.
    """
    highest = xp.max(scores, axis=-1, keepdims=True)
    if temperature == 0:
        return xp.where(scores >= highest, 1.0, 0.0)
    weights = xp.exp((scores - highest) / temperature)
    if top_k and top_k < scores.shape[-1]:
        least = xp.sort(weights, axis=-1)[..., -top_k:][..., :1]
        weights = xp.where(weights >= least, weights, 0.0)
    if top_p < 1.0:
        ordered = -xp.sort(-weights, axis=-1)
        heaped = xp.cumsum(ordered, axis=-1)
        inside = heaped - ordered < top_p * heaped[..., -1:]  # the word that crosses the border is still inside
        least = xp.min(xp.where(inside, ordered, np.inf), axis=-1, keepdims=True)
        weights = xp.where(weights >= least, weights, 0.0)
    return weights
