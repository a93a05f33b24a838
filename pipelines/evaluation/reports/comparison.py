"""Several models at a glance: a row each, with its scores, its size, and what it took to train and takes to run."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from captioner.errors import UserError
from captioner.metrics.base import Prominence, Score
from pipelines.evaluation.bootstrap import PAIRED_RESAMPLES, SIGNIFICANT, Difference
from pipelines.evaluation.compare import Comparison, Evaluated, compare_pair, comparison, disagreements, grouped, p_text
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.results import IMAGES_A_SECOND

FEW = 3  # evaluations whose scores are shown one by one; of more the table would be too wide to read

Table = tuple[list[str], list[list[str]]]


@dataclass(frozen=True)
class Block:
    """A part of a comparison: a line of text, or a table.

    warning: whether the text says that something is wrong. numbers: whether the table holds numbers alone.
    """

    text: str = ""
    warning: bool = False
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    numbers: bool = False


def compare_evaluations(evaluations: Sequence[Evaluated]) -> Iterator[Block]:
    """Evaluations of the same images side by side, and then each of them with the first of these, item by item."""
    groups = grouped(evaluations)
    alone = all(len(group) == 1 for group in groups)
    for group in [evaluations] if alone else groups:
        yield from _side_by_side(group)
    if alone:
        return
    for first, *others in groups:
        compare = _few if len(others) < FEW else _many
        yield from compare(first, others)


def _side_by_side(group: Sequence[Evaluated]) -> Iterator[Block]:
    if title := common(group):
        yield Block(title)
    head, rows = overview(group)
    yield Block(head=head, rows=rows, numbers=True)
    yield Block(legend(head))
    head, rows = comparison(group, short_names(group)) if len(group) <= FEW else intervals(group)
    yield Block(head=head, rows=rows, numbers=True)
    for line in disagreements(group):
        yield Block(f"These scores are of different things. {line}", warning=True)


def _few(first: Evaluated, others: Sequence[Evaluated]) -> Iterator[Block]:
    """A table for each pair."""
    first_name, *names = short_names([first, *others])
    for name, other in zip(names, others, strict=True):
        try:
            pair = compare_pair(first, other)
        except UserError as error:
            yield Block(str(error), warning=True)
            continue
        yield Block(f"{name} minus {first_name}")
        yield Block(
            f"Paired bootstrap over {pair.images:,} {pair.counted}, {PAIRED_RESAMPLES:,} draws: which differences are "
            f"more than chance, at p < {SIGNIFICANT}."
        )
        if pair.left_out:
            yield Block(f"{pair.left_out:,} {pair.counted} that only one of them has are left out.", warning=True)
        yield Block(head=["score", "difference", "95 % interval", "p", "it is"], rows=pair.rows(), numbers=True)


def _many(first: Evaluated, others: Sequence[Evaluated]) -> Iterator[Block]:
    """One table for all pairs."""
    names = short_names([first, *others])
    pairs = {}
    for name, other in zip(names[1:], others, strict=True):
        try:
            pairs[name] = compare_pair(first, other)
        except UserError as error:
            yield Block(str(error), warning=True)
    if not pairs:
        return
    yield Block(
        f"Each minus {names[0]}: paired bootstrap over {first.counted}, {PAIRED_RESAMPLES:,} draws, p in brackets."
    )
    if left_out := max(pair.left_out for pair in pairs.values()):
        yield Block(f"Up to {left_out:,} {first.counted} that only one of a pair has are left out.", warning=True)
    head, rows = differences(list(pairs), list(pairs.values()))
    yield Block(head=head, rows=rows, numbers=True)


def overview(evaluations: Sequence[Evaluated]) -> Table:
    """`(head, rows)`: a row a model. Columns that no evaluation has are left out."""
    scores = [score for score in scores_of() if score.heading]
    head = [*(score.heading for score in scores), "params", "min", "img/s"]
    cells = [
        [
            *(score.text_of(evaluation.scores) for score in scores),
            _parameters(evaluation.trained.get("parameters")),
            _minutes(evaluation.trained.get("seconds of training")),
            _number(evaluation.evaluated.get(IMAGES_A_SECOND), 0),
        ]
        for evaluation in evaluations
    ]
    filled = [number for number, column in enumerate(zip(*cells, strict=True)) if any(column)]
    rows = [[name, *(row[n] for n in filled)] for name, row in zip(short_names(evaluations), cells, strict=True)]
    return ["model", *(head[number] for number in filled)], rows


def legend(head: Sequence[str]) -> str:
    """What the headings of `overview` stand for."""
    meaning = {score.heading: score.legend for score in scores_of() if score.legend} | {
        "params": "params: parameters that the preset holds",
        "min": "min: minutes of training to the epoch that was kept, without those of models that it began from",
        "img/s": "img/s: images decoded a second at evaluation, their features at hand",
    }
    return f"Scores x 100. {'; '.join(text for name, text in meaning.items() if name in head)}."


def intervals(evaluations: Sequence[Evaluated]) -> Table:
    """`(head, rows)`: the 95 % intervals of the main scores, a row a model."""
    scores = _main_scores([evaluation.intervals for evaluation in evaluations])
    rows = [
        [name, *(score.interval_text(evaluation.intervals) for score in scores)]
        for name, evaluation in zip(short_names(evaluations), evaluations, strict=True)
    ]
    return ["95 % intervals", *(score.heading for score in scores)], rows


def differences(names: Sequence[str], comparisons: Sequence[Comparison]) -> Table:
    """`(head, rows)`: the main scores of several evaluations minus those of the first, a row each, with p-values."""
    scores = _main_scores([pair.differences for pair in comparisons])
    rows = [
        [name, *(_difference(score, pair.differences.get(score.name)) for score in scores)]
        for name, pair in zip(names, comparisons, strict=True)
    ]
    return ["difference (p)", *(score.heading for score in scores)], rows


def _main_scores(tables: Sequence[Mapping[str, object]]) -> list[Score]:
    """The scores of narrow tables that one of these has a value for."""
    known = {name for table in tables for name in table}
    return [score for score in scores_of(known, Prominence.MAIN) if score.heading]


def short_names(evaluations: Sequence[Evaluated]) -> list[str]:
    """What each is called beside the others: its model, and what else tells it from those of the same model."""
    parts = [
        [
            str(evaluation.evaluated.get("model") or evaluation.evaluated.get("captions") or evaluation.name),
            str(evaluation.evaluated.get("split", "")) if evaluation.evaluated.get("model") else "",
            f"beam {evaluation.evaluated.get('beam size', '?')}",
        ]
        for evaluation in evaluations
    ]
    telling = [0] + [part for part in (1, 2) if len({own[part] for own in parts}) > 1]
    names = [", ".join(own[part] for part in telling if own[part]) for own in parts]
    for part in (os.path.basename, str):  # of the folders of those that are called alike
        names = [
            part(evaluation.folder) or name if names.count(name) > 1 else name
            for name, evaluation in zip(names, evaluations, strict=True)
        ]
    return names


def common(evaluations: Sequence[Evaluated]) -> str:
    """What is the same for all of them: data, split, images and beams, as a heading."""
    parts = []
    for name, text in (("data set", "{}"), ("split", "{}"), ("images", "{} images"), ("beam size", "beam {}")):
        values = {str(evaluation.evaluated.get(name, "")) for evaluation in evaluations}
        if len(values) == 1 and "" not in values and not next(iter(values)).startswith("not stated"):
            parts.append(text.format(next(iter(values))))
    return ", ".join(parts)


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if _is_number(value) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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
    return _number(seconds / 60, 0 if seconds >= 600 else 1) if _is_number(seconds) else ""


def _difference(score: Score, difference: Difference | None) -> str:
    return "" if difference is None else f"{score.text(difference.value, '+')} ({p_text(difference.p)})"
