"""Several evaluations side by side, and whether they differ by more than chance."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from pipelines.data.datasets.text import read_json
from pipelines.evaluation.results import METRICS, STATISTICS
from pipelines.evaluation.significance import DRAWS, Difference, paired_differences

SHOWN = (
    "exact_match", "vqa_accuracy", "wups_0.9", "wups_0.0", "faithfulness", "coverage", "novel_object_right",
    "direction_right", "moving_right", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d", "cider", "rouge_l",
    "meteor_wordnet", "coco_meteor", "novel_captions", "self_bleu_4", "brevity_penalty", "distinct_captions",
)  # fmt: skip
TESTED = (
    "exact_match", "vqa_accuracy", "wups_0.9", "wups_0.0", "faithfulness", "coverage", "true_captions",
    "novel_object_right", "direction_right", "moving_right", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d", "cider",
    "rouge_l", "meteor_wordnet", "brevity_penalty",
)  # fmt: skip
SAME_IMAGES = ("data set", "references", "split")
MUST_AGREE = ("data set", "references", "split", "images", "references an image", "tokenizer")


@dataclass(frozen=True)
class Evaluated:
    """What a metrics.json says, and the rows of the metrics beside it.

    images: in the order of the rows; where answers were scored, questions.
    references: a number each, which tells the references of one image from others.
    trained: what the model was trained on and how.
    """

    name: str
    scores: dict[str, float]
    intervals: dict[str, list[float]]
    evaluated: dict[str, object]
    images: tuple[str, ...] = ()
    references: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    trained: dict[str, object] = field(default_factory=dict)

    @property
    def counted(self) -> str:
        """What a row is: "questions" or "images"."""
        return "questions" if "questions" in self.evaluated else "images"


def read_evaluations(paths: Sequence[Path]) -> list[Evaluated]:
    """The evaluations in paths: metrics.json files, folders with one, or runs with `evaluation-*` in them.

    Raises:
        UserError: a path holds none, or one that cannot be read.
    """
    return [_read(file) for path in paths for file in _files(Path(path))]


def comparison(evaluations: Sequence[Evaluated]) -> tuple[list[str], list[list[str]]]:
    """A table, one row a score: `(head, rows)`; scores x 100, with their intervals."""
    rows = []
    for name in SHOWN:
        if any(name in one.scores for one in evaluations):
            rows.append([name, *(_cell(one, name) for one in evaluations)])
    return ["score", *(one.name for one in evaluations)], rows


def disagreements(evaluations: Sequence[Evaluated]) -> list[str]:
    """In what the evaluations differ that makes their scores hard to compare."""
    return [
        f"{name}: {', '.join(str(one.evaluated.get(name, '?')) for one in evaluations)}"
        for name in MUST_AGREE
        if len({str(one.evaluated.get(name)) for one in evaluations}) > 1
    ]


def grouped(evaluations: Sequence[Evaluated]) -> list[list[Evaluated]]:
    """Those of the same images together, in the order in which they were given."""
    groups: dict[tuple, list[Evaluated]] = {}
    for one in evaluations:
        groups.setdefault(tuple(str(one.evaluated.get(name)) for name in SAME_IMAGES), []).append(one)
    return list(groups.values())


@dataclass(frozen=True)
class Comparison:
    """Two evaluations, image by image.

    first, second: their names. images: how many both have. left_out: how many only one of them has.
    differences: score -> second minus first. counted: what they are, "images" or "questions".
    """

    first: str
    second: str
    images: int
    left_out: int
    differences: dict[str, Difference]
    counted: str = "images"

    def rows(self) -> list[list[str]]:
        """A table, one row a score: difference and interval (x 100), p-value, and what that means."""
        return [
            [name, f"{100 * one.value:+.1f}", _interval(one), _p(one.p), _verdict(one)]
            for name, one in self.differences.items()
        ]


def compare_pair(first: Evaluated, second: Evaluated, draws: int = DRAWS) -> Comparison:
    """Whether two evaluations of the same images differ: paired bootstrap.

    Raises:
        UserError: they have no image in common, or their references differ, so that nothing can be said.
    """
    for one in (first, second):
        if not one.images:
            raise UserError(
                f"{one.name} cannot be compared image by image: there is no {STATISTICS} beside its {METRICS}. "
                "Evaluate it again."
            )
    place = {image: number for number, image in enumerate(second.images)}
    pairs = [(number, place[image]) for number, image in enumerate(first.images) if image in place]
    if not pairs:
        raise UserError(
            f"{first.name} and {second.name} have none of their {first.counted} in common: they cannot be compared."
        )
    here, there = map(list, zip(*pairs, strict=True))
    if np.any(first.references[here] != second.references[there]):
        raise UserError(
            f"{first.name} and {second.name} were scored against other references: they cannot be compared."
        )
    differences: dict[str, Difference] = {}
    for name in first.rows:
        if name in second.rows:
            differences |= paired_differences(name, first.rows[name][here], second.rows[name][there], draws)
    left_out = len(first.images) + len(second.images) - 2 * len(pairs)
    told = {name: differences[name] for name in TESTED if name in differences}
    return Comparison(first.name, second.name, len(pairs), left_out, told, first.counted)


def _interval(one: Difference) -> str:
    return f"{100 * one.low:+.1f} to {100 * one.high:+.1f}"


def _verdict(one: Difference) -> str:
    if not one.sure:
        return "no difference shown"
    return "higher" if one.value > 0 else "lower"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif (path / METRICS).is_file():
        yield path / METRICS
    else:
        found = sorted(path.glob(f"evaluation-*/{METRICS}"))
        if not found:
            raise UserError(f"{path} holds no evaluation (no {METRICS}). Run `captioner evaluate {path}` first.")
        yield from found


def _read(path: Path) -> Evaluated:
    content = read_json(path)
    try:
        scores = {name: float(value) for name, value in content["scores"].items()}
        intervals = {name: [float(low), float(high)] for name, (low, high) in content["intervals"].items()}
        said = (str(content["title"]), scores, intervals, _facts(content["evaluated"]))
        trained = _facts(content.get("trained", {}))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{path} is not an evaluation that `captioner evaluate` wrote, or it is damaged ({error}). Evaluate again."
        ) from None
    beside = path.with_name(STATISTICS)
    beside = _statistics(beside) if beside.is_file() else ()
    return Evaluated(*said, *beside, trained=trained)


def _facts(values: dict) -> dict[str, object]:
    """Facts as they were written; `OverflowError` for whole numbers that are too large to be shown as others are."""
    for value in values.values():
        if isinstance(value, int):
            float(value)
    return dict(values)


def _statistics(path: Path) -> tuple[tuple[str, ...], np.ndarray, dict[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            images = tuple(map(str, json.loads(file["images"].tobytes())))
            references = file["references"]
            rows = {name.removeprefix("rows_"): file[name] for name in file.files if name.startswith("rows_")}
    except Exception as error:  # zip, header and data each break in their own way
        raise UserError(f"{path} is damaged ({error}). Evaluate again.") from None
    if any(len(values) != len(images) for values in (references, *rows.values())):
        raise UserError(f"{path} is damaged: its parts are not of the same length. Evaluate again.")
    return images, references, rows


def _cell(one: Evaluated, name: str) -> str:
    if name not in one.scores:
        return ""
    factor, digits = (1, 3) if name == "brevity_penalty" else (100, 1)
    text = f"{factor * one.scores[name]:.{digits}f}"
    if name in one.intervals:
        low, high = (factor * end for end in one.intervals[name])
        text += f" ({low:.{digits}f} to {high:.{digits}f})"
    return text
