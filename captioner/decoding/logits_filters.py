"""Filters of scores: which tokens may be sampled, and with which probabilities.

`xp` is `keras.ops`, or `numpy` for a loop that computes a token at a time: the same lines serve both.
"""

import numpy as np
from keras import ops

from captioner.decoding.constraints import IMPOSSIBLE


def suppress_tokens(vocabulary_size, token_ids) -> np.ndarray:
    """What is added to scores `(..., V)` so that these tokens are never chosen."""
    added = np.zeros(vocabulary_size, "float32")
    added[list(token_ids)] = IMPOSSIBLE
    return added


def top_k_top_p_filter(scores, temperature=1.0, top_k=0, top_p=1.0, xp=ops):
    """The probabilities that are sampled from, up to a factor.

        p_v ~ exp(score_v / temperature)

    of which all but the `top_k` likeliest tokens are left out, then all but the fewest tokens whose probabilities sum
    to `top_p`. Tokens that are equally likely stay or go together.

    Args:
        scores: `(..., V)`, log-probabilities or logits.
        temperature: float. Below 1 likely tokens become likelier; 1 leaves the distribution as it is, 0 leaves the
            likeliest token alone.
        top_k: int. 0 for all tokens.
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
        cumulative = xp.cumsum(ordered, axis=-1)
        inside = cumulative - ordered < top_p * cumulative[..., -1:]  # the token that crosses the border is inside
        least = xp.min(xp.where(inside, ordered, np.inf), axis=-1, keepdims=True)
        weights = xp.where(weights >= least, weights, 0.0)
    return weights
