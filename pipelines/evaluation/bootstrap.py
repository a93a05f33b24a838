"""How certain scores are, and differences of scores: the bootstrap, which samples the captions or answers again.

Source: [Koehn, 2004](https://aclanthology.org/W04-3250/);
[Efron & Tibshirani, 1993](https://doi.org/10.1201/9780429246593), section 15.4 (p-values);
[Holm, 1979](https://www.jstor.org/stable/4615733) (many tests at once).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from captioner.metrics.base import Metric

RESAMPLES = 1000
PAIRED_RESAMPLES = 2000
SIGNIFICANT = 0.05
_RESAMPLES_A_TEST = 200  # the smallest p is 2 / resamples: Holm's factor would make it too large with fewer


@dataclass(frozen=True)
class Difference:
    """A score of the second set minus that of the first.

    value: on all items. low, high: its 95 % interval. p: how often, were there no difference, one of at least this
    size would show (two-sided). adjusted_p: the same, corrected for all tests that are made together; None where the
    difference is none of those that are tested.
    """

    value: float
    low: float
    high: float
    p: float
    adjusted_p: float | None = None

    @property
    def tested(self) -> bool:
        return self.adjusted_p is not None

    @property
    def significant(self) -> bool:
        return (self.p if self.adjusted_p is None else self.adjusted_p) < SIGNIFICANT

    def adjusted(self, p: float) -> "Difference":
        return replace(self, adjusted_p=p)


@dataclass(frozen=True)
class Resampled:
    """The scores of a set of rows, and those of samples of it.

    scores: name -> score of all rows.
    samples: name of a score with an interval -> `(resamples,)`, NaN where a sample has no such score.
    """

    scores: dict[str, float]
    samples: dict[str, np.ndarray]

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % percentile intervals."""
        known = {name: values[~np.isnan(values)] for name, values in self.samples.items()}
        return {name: percentile_interval(values) for name, values in known.items() if values.size}

    def minus(self, other: "Resampled") -> dict[str, Difference]:
        """The differences from the scores of another set, of which the same items were sampled."""
        differences = {}
        for name, values in self.samples.items():
            if name in other.samples and name in self.scores and name in other.scores:
                samples = values - other.samples[name]
                samples = samples[~np.isnan(samples)]
                if samples.size:
                    differences[name] = _difference(self.scores[name] - other.scores[name], samples)
        return differences


def resample(metric: type[Metric] | Metric, rows: np.ndarray, resamples: int, seed: int = 0) -> Resampled:
    """The scores of rows and of samples of them; rows of the same number are sampled alike with the same seed.

    Args:
        metric: what made the rows.
        rows: `(N, F)`.
        resamples: how often N rows are sampled with replacement.
    """
    samples = {score.name: np.full(resamples, np.nan) for score in metric.scores if score.interval}
    for number, chosen in enumerate(_resample(len(rows), resamples, seed)):
        scores = metric.combine(rows.take(chosen, axis=0))
        for name in samples.keys() & scores.keys():
            samples[name][number] = scores[name]
    return Resampled(metric.combine(rows), samples)


def intervals(
    metric: type[Metric] | Metric, rows: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """The 95 % percentile intervals of a metric's scores, for those that have one; see `resample`."""
    return resample(metric, rows, resamples, seed).intervals()


def paired_differences(
    metric: type[Metric] | Metric,
    first: np.ndarray,
    second: np.ndarray,
    resamples: int = PAIRED_RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """The differences of all scores that two sets of rows of a metric give.

    The same items are sampled from both sets, so that what makes an item hard or easy cancels out. The p-value is twice
    the share of samples in which the difference has the other sign, counted with the observed one (so it is never 0).

    Args:
        metric: what made the rows.
        first, second: `(N, F)`, row i of both is item i.
    """
    if first.shape != second.shape:
        raise ValueError(f"Rows of the same images were expected, received {first.shape} and {second.shape}.")
    before, after = (resample(metric, rows, resamples, seed) for rows in (first, second))
    return after.minus(before)


def resamples_for(tests: int) -> int:
    """How many samples so many tests need that are corrected together: with too few, no p-value could be small enough.

    >>> resamples_for(4), resamples_for(60)
    (2000, 12000)
    """
    return max(PAIRED_RESAMPLES, _RESAMPLES_A_TEST * tests)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of tests that are made together, corrected by Holm's method, in the order in which they came.

    The smallest of m is multiplied by m, the next by m - 1 and so on; none is smaller than one before it, none larger
    than 1. Below 0.05 then stand false alarms in at most one family of tests of twenty, however many tests it has and
    whether or not they depend on one another.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[number]))
        adjusted[number] = largest
    return adjusted


def _resample(number: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    return (generator.integers(0, number, number) for _ in range(resamples))


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of samples."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _difference(value: float, samples: np.ndarray) -> Difference:
    other_sign = min(np.sum(samples <= 0), np.sum(samples >= 0))
    p = min(1.0, 2 * (other_sign + 1) / (len(samples) + 1))
    return Difference(float(value), *percentile_interval(samples), float(p))
