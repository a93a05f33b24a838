"""Scores and facts as reports print them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.evaluation.metrics import scores_of


@dataclass(frozen=True)
class ScoreLine:
    """A score as it is printed; `low` and `high` are the ends of its interval on a bar of 100."""

    name: str
    label: str
    value: str
    interval: str = ""
    low: float = 0.0
    high: float = 0.0


def score_lines(evaluation) -> list[ScoreLine]:
    """The scores of an `Evaluation`, in the order of the registries of metrics."""
    lines = []
    for score in scores_of(evaluation.scores):
        interval, low, high = "", 0.0, 0.0
        if score.name in evaluation.intervals:
            low, high = evaluation.intervals[score.name]
            interval = f"{score.text(low)} – {score.text(high)}"
        bar = (min(score.factor * end, 100.0) for end in (low, high))
        lines.append(ScoreLine(score.name, score.label, score.text(evaluation.scores[score.name]), interval, *bar))
    return lines


def printed_facts(facts: Mapping[str, object]) -> list[tuple[str, object]]:
    """Facts as they are printed: those that are known, large numbers with commas."""
    return [
        (name, f"{value:,}" if type(value) is int else value)
        for name, value in facts.items()
        if value not in ("", None)
    ]
