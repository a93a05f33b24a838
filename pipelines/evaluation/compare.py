"""Several evaluations side by side, and whether they differ by more than chance."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from captioner.errors import UserError
from captioner.files import open_regular
from captioner.metrics.base import Prominence, Score
from pipelines.data.datasets.text import read_json
from pipelines.evaluation.bootstrap import PAIRED_RESAMPLES, Difference, paired_differences
from pipelines.evaluation.metrics import metric_classes, scores_of
from pipelines.evaluation.results import METRICS, STATISTICS

if TYPE_CHECKING:
    import pandas as pd

_MOST_BYTES = 2**28  # of the rows of an evaluation: a million images have fewer
SAME_IMAGES = ("data set", "references", "split")
MUST_AGREE = ("data set", "references", "split", "images", "references an image", "tokenizer")


@dataclass(frozen=True)
class Evaluated:
    """What a metrics.json says, and the rows of the metrics beside it.

    images: in the order of the rows; where answers were scored, questions.
    references: a number each, which tells the references of one image from others.
    trained: what the model was trained on and how.
    folder: where it was read from.
    """

    name: str
    scores: dict[str, float]
    intervals: dict[str, list[float]]
    evaluated: dict[str, object]
    images: tuple[str, ...] = ()
    references: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    trained: dict[str, object] = field(default_factory=dict)
    folder: str = ""

    @property
    def counted(self) -> str:
        """What a row is: "questions" or "images"."""
        return "questions" if "questions" in self.evaluated else "images"


def read_evaluations(paths: Sequence[Path]) -> list[Evaluated]:
    """The evaluations in paths: metrics.json files, folders with one, or runs with `evaluation-*` in them.

    Raises:
        UserError: a path holds none, or one that cannot be read, or two paths mean the same.
    """
    files = [file for path in paths for file in _files(Path(path))]
    real = [file.resolve() for file in files]
    for number, file in enumerate(files):
        if real[number] in real[:number]:
            raise UserError(
                f"{file.parent} is named twice, or lies in a run that is named, too: an evaluation is compared with "
                "others, not with itself. Name it once."
            )
    return list(map(_read, files))


def comparison(evaluations: Sequence[Evaluated], names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """A table, one row a score: `(head, rows)`; scores x 100, with their intervals.

    Args:
        names: of the evaluations, for the head.
    """
    known = {name for evaluation in evaluations for name in evaluation.scores}
    scores = scores_of(known, Prominence.PLAIN)
    rows = [[score.label, *(_cell(evaluation, score) for evaluation in evaluations)] for score in scores]
    return ["score", *names], rows


def disagreements(evaluations: Sequence[Evaluated]) -> list[str]:
    """In what the evaluations differ that makes their scores hard to compare."""
    return [
        f"{name}: {', '.join(str(evaluation.evaluated.get(name, '?')) for evaluation in evaluations)}"
        for name in MUST_AGREE
        if len({str(evaluation.evaluated.get(name)) for evaluation in evaluations}) > 1
    ]


def grouped(evaluations: Sequence[Evaluated]) -> list[list[Evaluated]]:
    """Those of the same images together, in the order in which they were given."""
    groups: dict[tuple, list[Evaluated]] = {}
    for evaluation in evaluations:
        groups.setdefault(tuple(str(evaluation.evaluated.get(name)) for name in SAME_IMAGES), []).append(evaluation)
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

    def to_frame(self) -> "pd.DataFrame":
        """The differences as a pandas table, one a row, with the columns `difference`, `low`, `high` and `p`."""
        import pandas as pd

        rows = [astuple(difference) for difference in self.differences.values()]
        return pd.DataFrame(rows, index=list(self.differences), columns=["difference", "low", "high", "p"])

    def rows(self) -> list[list[str]]:
        """A table, one row a score: difference and interval (x 100), p-value, and what that means."""
        return [
            [score.label, score.text(difference.value, "+"),
             f"{score.text(difference.low, '+')} to {score.text(difference.high, '+')}", p_text(difference.p),
             _verdict(difference)]
            for score in scores_of(self.differences)
            for difference in [self.differences[score.name]]
        ]  # fmt: skip


def compare_pair(first: Evaluated, second: Evaluated, resamples: int = PAIRED_RESAMPLES) -> Comparison:
    """Whether two evaluations of the same images differ: paired bootstrap.

    Raises:
        UserError: they have no image in common, or their references differ, so that nothing can be said.
    """
    for evaluation in (first, second):
        if not evaluation.images:
            raise UserError(
                f"{evaluation.name} cannot be compared image by image: there is no {STATISTICS} beside its {METRICS}. "
                "Evaluate it again."
            )
    position = {image: number for number, image in enumerate(second.images)}
    pairs = [(number, position[image]) for number, image in enumerate(first.images) if image in position]
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
    for name, metric in metric_classes().items():
        if name in first.rows and name in second.rows:
            differences |= paired_differences(metric, first.rows[name][here], second.rows[name][there], resamples)
    left_out = len(first.images) + len(second.images) - 2 * len(pairs)
    differences = {score.name: differences[score.name] for score in scores_of(differences, Prominence.PLAIN)}
    return Comparison(first.name, second.name, len(pairs), left_out, differences, first.counted)


def _verdict(difference: Difference) -> str:
    if not difference.significant:
        return "not shown"
    return "higher" if difference.value > 0 else "lower"


def p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif (path / METRICS).is_file():
        yield path / METRICS
    else:
        files = sorted(path.glob(f"evaluation-*/{METRICS}"))
        if not files:
            raise UserError(f"{path} holds no evaluation (no {METRICS}). Run `captioner evaluate {path}` first.")
        yield from files


def _read(path: Path) -> Evaluated:
    content = read_json(path)
    try:
        scores = {name: float(value) for name, value in content["scores"].items()}
        intervals = {name: [float(low), float(high)] for name, (low, high) in content["intervals"].items()}
        fields = (str(content["title"]), scores, intervals, _facts(content["evaluated"]))
        trained = _facts(content.get("trained", {}))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{path} is not an evaluation that `captioner evaluate` wrote, or it is damaged ({error}). Evaluate again."
        ) from None
    beside = path.with_name(STATISTICS)
    beside = _statistics(beside) if beside.is_file() else ()
    return Evaluated(*fields, *beside, trained=trained, folder=str(path.parent))


def _facts(values: dict) -> dict[str, object]:
    """Facts as they were written; `OverflowError` for whole numbers that are too large to be shown as others are."""
    for value in values.values():
        if isinstance(value, int):
            float(value)
    return dict(values)


def _statistics(path: Path) -> tuple[tuple[str, ...], np.ndarray, dict[str, np.ndarray]]:
    try:
        with open_regular(path) as opened, np.load(opened, allow_pickle=False) as file:
            if sum(member.file_size for member in file.zip.infolist()) > _MOST_BYTES:
                raise ValueError(f"unpacked it is larger than {_MOST_BYTES:,} bytes")
            images = tuple(map(str, json.loads(file["images"].tobytes())))
            references = file["references"]
            rows = {name.removeprefix("rows_"): file[name] for name in file.files if name.startswith("rows_")}
    except Exception as error:  # zip, header and data each break in their own way
        raise UserError(f"{path} is damaged ({error}). Evaluate again.") from None
    if any(len(values) != len(images) for values in (references, *rows.values())):
        raise UserError(f"{path} is damaged: its parts are not of the same length. Evaluate again.")
    for name, metric in metric_classes().items():  # files of before have an array a score
        columns = [rows[score.name] for score in metric.scores if score.name in rows]
        if name not in rows and len(columns) == len(metric.scores):
            rows[name] = np.concatenate(columns, axis=1)
    return images, references, rows


def _cell(evaluation: Evaluated, score: Score) -> str:
    text, interval = score.text_of(evaluation.scores), score.interval_text(evaluation.intervals)
    return f"{text} ({interval})" if text and interval else text
