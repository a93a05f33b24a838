"""How much of what a decoder reads in training is its own: the schedules of scheduled sampling."""

import math

SCHEDULES = ("linear", "exponential", "inverse_sigmoid")


def sampling_probability(schedule: str, final: float, step: int, steps: int) -> float:
    """The probability that an input word is replaced by the decoder's own, at a step of training.

    With x = step / steps, at most 1:

        linear             final x
        exponential        final (1 - 0.01 ** x)
        inverse_sigmoid    final / (1 + exp(5 - 10 x))

    These are one minus the paper's probabilities of the right word: max(0, 1 - c i), k^i and k / (k + exp(i / k)),
    with k such that x = 1 is where 99 % of the final share is reached.

    Args:
        schedule: one of the three.
        final: the share in the end.
        step: steps done.
        steps: over which the share grows; it stays afterwards.

    Reference: [Bengio et al. 2015](https://arxiv.org/abs/1506.03099), section 2.4 and figure 2.

    >>> [round(sampling_probability("linear", 0.5, step, 100), 3) for step in (0, 50, 100, 200)]
    [0.0, 0.25, 0.5, 0.5]
    >>> [round(sampling_probability("inverse_sigmoid", 1.0, step, 100), 3) for step in (0, 50, 100)]
    [0.007, 0.5, 0.993]
    """
    x = min(step / max(steps, 1), 1.0)
    if schedule == "linear":
        return final * x
    if schedule == "exponential":
        return final * (1 - 0.01**x)
    return final / (1 + math.exp(5 - 10 * x))
