"""How sure a score is: 95 % intervals by drawing the captions again (bootstrap)."""

from collections.abc import Callable

import numpy as np

from captioner.metrics.bleu import Bleu
from captioner.metrics.score import ScoreReport

DRAWS = 1000


def intervals(
    rows: np.ndarray, combine: Callable[[np.ndarray], dict[str, float]], draws: int = DRAWS, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of every score that `combine` gives.

    Args:
        rows: `(N, F)`, what a metric keeps of each caption.
        combine: rows to scores.
        draws: how often N captions are drawn, with replacement.
        seed: the same seed gives the same intervals.

    Source: [Koehn, 2004](https://aclanthology.org/W04-3250/).
    """
    generator = np.random.default_rng(seed)
    drawn = [combine(rows[generator.integers(0, len(rows), len(rows))]) for _ in range(draws)]
    names = [name for name in drawn[0] if not name.endswith("_words")]
    ends = {name: np.percentile([scores[name] for scores in drawn], [2.5, 97.5]) for name in names}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def score_intervals(report: ScoreReport) -> dict[str, tuple[float, float]]:
    """The intervals of a report's scores, but for diversity: a caption drawn twice is no repetition."""
    found: dict[str, tuple[float, float]] = {}
    for name, metric in report.measures.items():
        if name != "diversity":
            found |= intervals(report.rows[name], metric.combine)
    return found


def combine_rows(name: str, rows: np.ndarray) -> dict[str, float]:
    """The scores of the captions whose rows these are.

    Args:
        name: "bleu", "truth", or a score that is the mean of its one column.
        rows: `(N, F)`.
    """
    if name == "bleu":
        return Bleu().combine(rows)
    if name == "truth":
        return combine_truth(rows)
    return {name: float(np.mean(rows))}


def truth_rows(captions: dict[str, str], scenes: dict) -> np.ndarray:
    """`(N, 4)` of captions of drawn scenes: true statements, statements, things named, things there."""
    from pipelines.data.synthetic.faithfulness import check_caption

    checked = [check_caption(caption, scenes[image]) for image, caption in captions.items()]
    return np.array(
        [(sum(said.true for said in one.statements), len(one.statements), one.named, one.there) for one in checked],
        float,
    )


def combine_truth(rows: np.ndarray) -> dict[str, float]:
    """Faithfulness and coverage of the captions whose rows these are."""
    true, said, named, there = rows.sum(axis=0)
    wholly = float(np.mean(rows[:, 0] == rows[:, 1]))
    return {"faithfulness": float(true / said), "coverage": float(named / there), "true_captions": wholly}
