"""Whether two sets of captions of the same images differ: the paired bootstrap."""

from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.bootstrap import combine_rows

DRAWS = 2000
SURE = 0.05


@dataclass(frozen=True)
class Difference:
    """A score of the second set minus that of the first.

    value: on all images. low, high: its 95 % interval. p: how often, were there no difference, one of at least this
    size would show (two-sided).
    """

    value: float
    low: float
    high: float
    p: float

    @property
    def sure(self) -> bool:
        return self.p < SURE


def paired_differences(
    name: str, first: np.ndarray, second: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> dict[str, Difference]:
    """The differences of all scores that rows of this name give.

    Images are drawn with replacement, the same for both sets, so that what makes an image hard or easy falls out. The
    p-value is twice the share of draws in which the difference has the other sign, counted with the observed one
    (so it is never 0).

    Args:
        name: as in `combine_rows`.
        first, second: `(N, F)`, row i of both is image i.

    Source: [Koehn, 2004](https://aclanthology.org/W04-3250/), section 4;
    [Efron & Tibshirani, 1993](https://doi.org/10.1201/9780429246593), section 15.4.
    """
    if first.shape != second.shape:
        raise ValueError(f"Rows of the same images were expected, received {first.shape} and {second.shape}.")
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(draws):
        chosen = generator.integers(0, len(first), len(first))
        before, after = combine_rows(name, first[chosen]), combine_rows(name, second[chosen])
        for score in before:
            drawn.setdefault(score, []).append(after[score] - before[score])
    before, after = combine_rows(name, first), combine_rows(name, second)
    return {
        score: _difference(after[score] - before[score], np.array(values))
        for score, values in drawn.items()
        if not score.endswith("_words")
    }


def _difference(value: float, drawn: np.ndarray) -> Difference:
    low, high = np.percentile(drawn, [2.5, 97.5])
    other = min(np.sum(drawn <= 0), np.sum(drawn >= 0))
    p = min(1.0, 2 * (other + 1) / (len(drawn) + 1))
    return Difference(float(value), float(low), float(high), float(p))
