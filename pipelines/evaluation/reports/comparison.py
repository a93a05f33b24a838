"""Several systems at a glance: a row each, with its scores, its size, and what it took to train and takes to run.

Here are the tables and what a terminal shows of them; `comparison_page` writes them as a page, as Markdown and JSON.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from captioner.metrics.base import Prominence, Score
from pipelines.evaluation.bootstrap import SIGNIFICANT, Difference
from pipelines.evaluation.compare import (
    Comparison,
    GroupComparison,
    compare_all,
    comparison,
    disagreements,
    grouped,
    no_items,
    p_text,
)
from pipelines.evaluation.evaluated import Evaluated
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.results import IMAGES_A_SECOND

FEW = 3  # systems, or pairs of them, that are shown one by one; of more the table would be too wide to read
MANY = 10  # pairs that a terminal shows
PAIR_HEAD = ["score", "difference", "95 % interval", "p (Holm)", "it is"]

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


@dataclass(frozen=True)
class ComparedGroup:
    """Systems that can be compared with one another, and what came of it.

    systems: with their scores. names: short ones. result: None where there is one system, or none with known items.
    sentences: what a reader must know.
    """

    systems: tuple[Evaluated, ...]
    names: tuple[str, ...]
    result: GroupComparison | None = None
    sentences: tuple[str, ...] = ()

    def numbered_pairs(self) -> list[tuple[int, int, Comparison]]:
        """The pairs of `result`, with the numbers of the first and of the second among `systems`."""
        if self.result is None:
            return []
        numbers = [number for number, system in enumerate(self.systems) if system.images]
        ordered = [(numbers[first], numbers[second]) for second in range(len(numbers)) for first in range(second)]
        return [(*both, pair) for both, pair in zip(ordered, self.result.pairs, strict=True)]

    def named_pairs(self) -> list[tuple[str, str, Comparison]]:
        """The same with their short names."""
        return [(self.names[first], self.names[second], pair) for first, second, pair in self.numbered_pairs()]

    def family(self) -> str:
        """What was tested together, and how, in a sentence or two."""
        result = self.result
        done = f"Paired bootstrap over {result.images:,} {result.counted}, {result.resamples:,} draws."
        if not result.tests:
            return f"{done} Nothing was tested: the systems have no main score of a metric in common."
        pairs = f"each of {len(result.pairs)} pairs of systems" if len(result.pairs) > 1 else "the pair"
        labels = ", ".join(score.label for score in tested_scores(result.pairs))
        tests = f"{result.tests} tests" if result.tests > 1 else "1 test"
        return (
            f"{done} Tested is the main score of each metric ({labels}) for {pairs}: {tests}, whose p-values are "
            f"corrected together by Holm's method. A difference is more than chance at p < {SIGNIFICANT}."
        )


def compare_groups(
    evaluations: Sequence[Evaluated], resamples: int | None = None
) -> tuple[list[ComparedGroup], list[str]]:
    """`(groups, sentences)`: what can be compared with one another, and why the rest cannot."""
    groups, sentences = grouped(evaluations)
    sentences += dict.fromkeys(note for evaluation in evaluations for note in evaluation.notes)
    compared = [_compare_group(group, resamples) for group in groups]
    if len(compared) == len(evaluations):  # nothing can be tested: they stand side by side all the same
        several = ComparedGroup(tuple(evaluations), tuple(short_names(evaluations)), None, _warnings(evaluations))
        return [several], sentences
    return compared, sentences


def _compare_group(group: Sequence[Evaluated], resamples: int | None) -> ComparedGroup:
    names, sentences = tuple(short_names(group)), _warnings(group)
    known = [system for system in group if system.images]
    for system in group:
        if len(group) > 1 and not system.images:
            sentences += (no_items(system),)
    if len(known) < 2:
        return ComparedGroup(tuple(group), names, None, sentences)
    result = compare_all(known, resamples)
    if result.left_out:
        what = f"{result.left_out:,} {result.counted} that not all of them have are left out of all scores"
        cider = "; CIDEr and CIDEr-D weigh words by the references of what was evaluated, those included"
        weighs = any("cider_d" in system.scores for system in known)
        sentences += (f"{what}{cider if weighs else ''}.",)
    restricted = iter(result.evaluations)
    systems = tuple(next(restricted) if system.images else system for system in group)
    return ComparedGroup(systems, names, result, sentences)


def _warnings(group: Sequence[Evaluated]) -> tuple[str, ...]:
    return tuple(f"These scores are of different things. {line}" for line in disagreements(group))


def compare_evaluations(groups: Sequence[ComparedGroup], sentences: Sequence[str] = ()) -> Iterator[Block]:
    """What a terminal shows: systems side by side, then each of them with each other, item by item."""
    for group in groups:
        yield from _side_by_side(group)
    for group in groups:
        if group.result is not None:
            yield Block(group.family())
            yield from _few(group) if len(group.result.pairs) <= FEW else _many(group)
    for sentence in sentences:
        yield Block(sentence, warning=True)


def _side_by_side(group: ComparedGroup) -> Iterator[Block]:
    systems = group.systems
    if title := common(systems):
        yield Block(title)
    head, rows = overview(systems, group.names)
    yield Block(head=head, rows=rows, numbers=True)
    yield Block(legend(head))
    head, rows = comparison(systems, group.names) if len(systems) <= FEW else intervals(systems, group.names)
    yield Block(head=head, rows=rows, numbers=True)
    for sentence in group.sentences:
        yield Block(sentence, warning=True)


def _few(group: ComparedGroup) -> Iterator[Block]:
    """A table for each pair."""
    for first, second, pair in group.named_pairs():
        yield Block(f"{second} minus {first}")
        yield Block(head=PAIR_HEAD, rows=pair.rows(), numbers=True)


def _many(group: ComparedGroup) -> Iterator[Block]:
    """One table for all pairs, or for those of the first system where they are too many to read."""
    pairs = group.named_pairs()
    if len(pairs) > MANY:
        leader = pairs[0][0]
        of_first = [pair for pair in pairs if pair[0] == leader]
        yield Block(f"Of {len(pairs)} pairs here are the {len(of_first)} of {leader}; --report FOLDER writes all.")
        pairs = of_first
    head, rows = differences([f"{second} minus {first}" for first, second, _ in pairs], [pair for *_, pair in pairs])
    yield Block(head=head, rows=rows, numbers=True)


def overview(evaluations: Sequence[Evaluated], names: Sequence[str]) -> Table:
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
    rows = [[name, *(row[n] for n in filled)] for name, row in zip(names, cells, strict=True)]
    return ["model", *(head[number] for number in filled)], rows


def legend(head: Sequence[str]) -> str:
    """What the headings of `overview` stand for."""
    meaning = {score.heading: score.legend for score in scores_of() if score.legend} | {
        "params": "params: parameters that the preset holds",
        "min": "min: minutes of training to the epoch that was kept, without those of models that it began from",
        "img/s": "img/s: images decoded a second at evaluation, their features at hand",
    }
    return f"Scores x 100. {'; '.join(text for name, text in meaning.items() if name in head)}."


def intervals(evaluations: Sequence[Evaluated], names: Sequence[str]) -> Table:
    """`(head, rows)`: the 95 % intervals of the main scores, a row a model."""
    scores = main_scores([evaluation.intervals for evaluation in evaluations])
    rows = [
        [name, *(score.interval_text(evaluation.intervals) for score in scores)]
        for name, evaluation in zip(names, evaluations, strict=True)
    ]
    return ["95 % intervals", *(score.heading for score in scores)], rows


def differences(names: Sequence[str], comparisons: Sequence[Comparison]) -> Table:
    """`(head, rows)`: the differences of the main scores, a row a pair, with corrected p-values.

    Args:
        names: of the pairs.
    """
    scores = main_scores([pair.differences for pair in comparisons])
    rows = [
        [name, *(_difference(score, pair.differences.get(score.name)) for score in scores)]
        for name, pair in zip(names, comparisons, strict=True)
    ]
    return ["difference (p)", *(score.heading for score in scores)], rows


def tested_scores(pairs: Sequence[Comparison]) -> list[Score]:
    """The scores whose differences were tested."""
    tested = {name for pair in pairs for name, difference in pair.differences.items() if difference.tested}
    return list(scores_of(tested))


def main_scores(tables: Sequence[Mapping[str, object]]) -> list[Score]:
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
    return "" if difference is None else f"{score.text(difference.value, '+')} ({p_text(difference.adjusted_p)})"
