"""How certain scores are, and differences of scores: the bootstrap, which samples the captions or answers again.

Source: [Koehn, 2004](https://aclanthology.org/W04-3250/);
[Efron & Tibshirani, 1993](https://doi.org/10.1201/9780429246593), section 15.4 (p-values).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from captioner.metrics.base import Metric

RESAMPLES = 1000
PAIRED_RESAMPLES = 2000
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """A score of the second set minus that of the first.

    value: on all items. low, high: its 95 % interval. p: how often, were there no difference, one of at least this
    size would show (two-sided).
    """

    value: float
    low: float
    high: float
    p: float

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANT


def intervals(
    metric: type[Metric] | Metric, rows: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """The 95 % percentile intervals of a metric's scores, for those that have one.

    Args:
        metric: what made the rows.
        rows: `(N, F)`.
        resamples: how often N rows are sampled with replacement.
        seed: the same seed gives the same intervals.
    """
    samples = (metric.combine(rows[chosen]) for chosen in _resample(len(rows), resamples, seed))
    return {name: percentile_interval(values) for name, values in _columns(metric, samples).items()}


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

    def difference(chosen) -> dict[str, float]:
        before, after = metric.combine(first[chosen]), metric.combine(second[chosen])
        return {name: after[name] - before[name] for name in before if name in after}

    whole = difference(slice(None))
    samples = _columns(metric, map(difference, _resample(len(first), resamples, seed)))
    return {name: _difference(whole[name], values) for name, values in samples.items() if name in whole}


def _resample(number: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    return (generator.integers(0, number, number) for _ in range(resamples))


def _columns(metric: type[Metric] | Metric, samples: Iterable[dict[str, float]]) -> dict[str, np.ndarray]:
    """Name of a score with an interval -> its values in the samples that have it."""
    columns: dict[str, list[float]] = {score.name: [] for score in metric.scores if score.interval}
    for sample in samples:
        for name in columns.keys() & sample.keys():
            columns[name].append(sample[name])
    return {name: np.array(values) for name, values in columns.items() if values}


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of samples."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _difference(value: float, samples: np.ndarray) -> Difference:
    other_sign = min(np.sum(samples <= 0), np.sum(samples >= 0))
    p = min(1.0, 2 * (other_sign + 1) / (len(samples) + 1))
    return Difference(float(value), *percentile_interval(samples), float(p))
