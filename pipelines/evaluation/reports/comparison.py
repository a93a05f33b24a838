"""Several models at a glance: a row each, with its scores, its size, and what it took to train and takes to run."""

import re
from collections.abc import Callable, Sequence

from pipelines.evaluation.compare import Comparison, Evaluated
from pipelines.evaluation.results import IMAGES_A_SECOND
from pipelines.evaluation.significance import Difference

# Scores: name, heading, factor, digits.
_SCORES = (
    ("faithfulness", "faithful", 100, 1),
    ("direction_right", "direct.", 100, 1),
    ("moving_right", "moving", 100, 1),
    ("bleu_1", "B-1", 100, 1),
    ("bleu_2", "B-2", 100, 1),
    ("bleu_3", "B-3", 100, 1),
    ("bleu_4", "B-4", 100, 1),
    ("cider_d", "CIDEr-D", 100, 1),
    ("rouge_l", "R-L", 100, 1),
    ("distinct_captions", "dist.", 100, 1),
    ("exact_match", "exact", 100, 1),
    ("vqa_accuracy", "VQA", 100, 1),
    ("wups_0.9", "W-0.9", 100, 1),
    ("wups_0.0", "W-0.0", 100, 1),
)
_MAIN = (
    "faithfulness",
    "direction_right",
    "bleu_4",
    "cider_d",
    "rouge_l",
    "exact_match",
    "vqa_accuracy",
)  # of which more is told
_SPECIAL = re.compile(r"([\\`*_\[\]|~^$<>])")

Table = tuple[list[str], list[list[str]]]


def overview(evaluations: Sequence[Evaluated]) -> Table:
    """`(head, rows)`: a row a model. Columns that no evaluation has are left out."""
    columns: list[tuple[str, Callable[[Evaluated], str]]] = [
        (heading, lambda one, name=name, factor=factor, digits=digits: _score(one, name, factor, digits))
        for name, heading, factor, digits in _SCORES
    ]
    columns += [
        ("params", lambda one: _parameters(one.trained.get("parameters"))),
        ("min", lambda one: _minutes(one.trained.get("seconds of training"))),
        ("img/s", lambda one: _number(one.evaluated.get(IMAGES_A_SECOND), 0)),
    ]
    cells = [[value(one) for one in evaluations] for _, value in columns]
    shown = [number for number, column in enumerate(cells) if any(column)]
    rows = [[name, *(cells[number][row] for number in shown)] for row, name in enumerate(short_names(evaluations))]
    return ["model", *(columns[number][0] for number in shown)], rows


def legend(head: Sequence[str]) -> str:
    """What the headings of `overview` stand for."""
    meaning = {
        "B-1": "B-1 to B-4: BLEU",
        "R-L": "R-L: ROUGE-L",
        "direct.": "direct.: the direction of what moves is right",
        "moving": "moving: the thing that moves is right",
        "dist.": "dist.: share of captions that no other image has",
        "exact": "exact: answers that match exactly",
        "VQA": "VQA: VQA accuracy",
        "W-0.9": "W: WUPS",
        "params": "params: parameters that the preset holds",
        "min": "min: minutes of training to the epoch that was kept, without those of models that it began from",
        "img/s": "img/s: images decoded a second at evaluation, their features at hand",
    }
    return f"Scores x 100. {'; '.join(text for name, text in meaning.items() if name in head)}."


def intervals(evaluations: Sequence[Evaluated]) -> Table:
    """`(head, rows)`: the 95 % intervals of the main scores, a row a model."""
    chosen = [(name, heading) for name, heading, _, _ in _SCORES if name in _MAIN]
    chosen = [(name, heading) for name, heading in chosen if any(name in one.intervals for one in evaluations)]

    def cell(one: Evaluated, name: str) -> str:
        if name not in one.intervals:
            return ""
        low, high = one.intervals[name]
        return f"{100 * low:.1f} to {100 * high:.1f}"

    rows = [
        [name, *(cell(one, score) for score, _ in chosen)]
        for name, one in zip(short_names(evaluations), evaluations, strict=True)
    ]
    return ["95 % intervals", *(heading for _, heading in chosen)], rows


def differences(names: Sequence[str], comparisons: Sequence[Comparison]) -> Table:
    """`(head, rows)`: the main scores of several evaluations minus those of the first, a row each, with p-values."""
    chosen = [(name, heading) for name, heading, _, _ in _SCORES if name in _MAIN]
    chosen = [(name, heading) for name, heading in chosen if any(name in one.differences for one in comparisons)]
    rows = [
        [name, *(_difference(one.differences.get(score)) for score, _ in chosen)]
        for name, one in zip(names, comparisons, strict=True)
    ]
    return ["difference (p)", *(heading for _, heading in chosen)], rows


def short_names(evaluations: Sequence[Evaluated]) -> list[str]:
    """What each is called beside the others: its model, and what else tells it from those of the same model."""
    parts = [
        [
            str(one.evaluated.get("model") or one.name),
            str(one.evaluated.get("split", "")) if one.evaluated.get("model") else "",
            f"beam {one.evaluated.get('beam size', '?')}",
        ]
        for one in evaluations
    ]
    told = [0] + [place for place in (1, 2) if len({own[place] for own in parts}) > 1]
    names = [", ".join(own[place] for place in told if own[place]) for own in parts]
    return [name if names.count(name) == 1 else one.name for name, one in zip(names, evaluations, strict=True)]


def common(evaluations: Sequence[Evaluated]) -> str:
    """What is the same for all of them: data, split, images and beams, as a heading."""
    told = []
    for name, text in (("data set", "{}"), ("split", "{}"), ("images", "{} images"), ("beam size", "beam {}")):
        values = {str(one.evaluated.get(name, "")) for one in evaluations}
        if len(values) == 1 and "" not in values and not next(iter(values)).startswith("not stated"):
            told.append(text.format(next(iter(values))))
    return ", ".join(told)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as GitHub's Markdown has it; the first column to the left, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    escaped = [[_SPECIAL.sub(r"\\\1", " ".join(cell.split())) for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in escaped)


def _score(one: Evaluated, name: str, factor: float, digits: int) -> str:
    return f"{factor * one.scores[name]:.{digits}f}" if name in one.scores else ""


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _parameters(value: object) -> str:
    """
    >>> _parameters(6_291_440), _parameters(48_200), _parameters(None)
    ('6.29M', '48k', '')
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return ""
    return f"{value / 1e6:.2f}M" if value >= 1e6 else f"{value / 1e3:.0f}k" if value >= 1e4 else f"{value:,}"


def _minutes(seconds: object) -> str:
    """
    >>> _minutes(1200), _minutes(95.0), _minutes("long")
    ('20', '1.6', '')
    """
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return ""
    return f"{seconds / 60:.0f}" if seconds >= 600 else f"{seconds / 60:.1f}"


def _difference(one: Difference | None) -> str:
    if one is None:
        return ""
    p = "< 0.001" if one.p < 0.001 else f"{one.p:.3f}"
    return f"{100 * one.value:+.1f} ({p})"
