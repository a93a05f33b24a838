"""Whether probabilities say how often predictions are right: the reliability diagram, expected calibration error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same probability: those from `low` to below `high` (of the last: up to 1).

    count: how many. probability, accuracy: their means, NaN where there are none.
    """

    low: float
    high: float
    count: int
    probability: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The points of a reliability diagram, and how far they are from its diagonal.

    error: the expected calibration error, 0 to 1.
    """

    error: float
    bins: tuple[Bin, ...]


def calibration(probabilities: Sequence[float], accuracies: Sequence[float], bins: int = BINS) -> Calibration:
    """The calibration of predictions.

    Predictions are put into M bins of equal width by their probability. With acc(b) and conf(b) the mean accuracy and
    the mean probability of the n_b predictions in bin b, of n in all,

        ECE = sum over b of  n_b / n * |acc(b) - conf(b)|

    An accuracy may be anything from 0 to 1, such as that of answers which some of ten people gave (VQA accuracy): the
    error is 0 where answers of probability p are worth p on average. A few predictions scatter: the error of a model
    that is calibrated perfectly is above 0, the more so the fewer predictions and the more bins there are.

    Args:
        probabilities: `(N,)`, 0 to 1, of the predictions.
        accuracies: `(N,)`, 0 to 1.
        bins: their number; 15 in the paper, whose bins have their upper bounds in them and these their lower ones.

    Raises:
        ValueError: nothing to measure, not as many of both, or values that are not from 0 to 1.

    By hand: two answers of 0.95 both right, |1 - 0.95| = 0.05; two of 0.55, one right, |0.5 - 0.55| = 0.05.

    >>> found = calibration([0.95, 0.95, 0.55, 0.55], [1, 1, 1, 0])
    >>> round(found.error, 3), [(bin.low, bin.count, bin.accuracy) for bin in found.bins if bin.count]
    (0.05, [(0.5, 2, 0.5), (0.9, 2, 1.0)])

    Reference: [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 2.
    """
    shares, right = np.asarray(probabilities, float), np.asarray(accuracies, float)
    if shares.ndim != 1 or shares.shape != right.shape or not shares.size:
        raise ValueError(
            f"Expected a probability and an accuracy for each prediction, received {shares.shape} and {right.shape}."
        )
    for name, values in (("probabilities", shares), ("accuracies", right)):
        if not (np.isfinite(values).all() and 0 <= values.min() <= values.max() <= 1 + 1e-6):
            raise ValueError(f"`{name}` are from 0 to 1, received {values.min()} to {values.max()}.")
    number = np.minimum((shares * bins).astype(int), bins - 1)
    counts = np.bincount(number, minlength=bins)
    sums = [np.bincount(number, weights=values, minlength=bins) for values in (shares, right)]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(shares))
    with np.errstate(invalid="ignore"):
        means = [(total / counts).tolist() for total in sums]
    return Calibration(
        error,
        tuple(
            Bin(place / bins, (place + 1) / bins, int(counts[place]), means[0][place], means[1][place])
            for place in range(bins)
        ),
    )
