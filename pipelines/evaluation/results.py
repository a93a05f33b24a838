"""What an evaluation found, and the files it is written to.

evaluation-test/
  metrics.json         scores, 95 % intervals, and how they were come by
  predictions.csv      image, caption, its scores, references
  captions.coco.json   COCO's result format, for other tools
  statistics.npz       what `captioner compare` needs to compare image by image
  report.html          a page to look at and to send, or
  report.md            the same in short, to paste into a document
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.evaluation.caption_metrics import digest_of
from pipelines.evaluation.error_analysis import ErrorAnalysis
from pipelines.utils.atomic_files import as_user_error, atomic_write
from pipelines.utils.tables import write_csv

METRICS, PREDICTIONS, COCO_RESULT, STATISTICS, REPORT, MARKDOWN = (
    "metrics.json",
    "predictions.csv",
    "captions.coco.json",
    "statistics.npz",
    "report.html",
    "report.md",
)
IMAGES_A_SECOND = "images decoded a second"
FORMATS = ("html", "markdown", "both")


@dataclass(frozen=True)
class Prediction:
    """One image's caption, and what is known about it.

    image: its name. path: its file, if it is at hand. score: the model's own, mean log-probability a word.
    scores: what the metrics say of this caption alone.
    """

    image: str
    caption: str
    references: tuple[str, ...]
    scores: dict[str, float]
    score: float | None = None
    path: Path | None = None
    source_id: str = ""


@dataclass(frozen=True)
class Looked:
    """Where the decoder looked for each word of a caption: `attention` `(words, P)`, on `grid` `(h, w)`."""

    image: str
    words: tuple[str, ...]
    attention: np.ndarray
    grid: tuple[int, int]


@dataclass(frozen=True)
class Evaluation:
    """Everything that a report tells.

    title: what was evaluated.
    scores: name -> score, as `captioner.metrics` gives them (0 to 1; CIDEr-D 0 to 10).
    intervals: name -> 95 % interval, for those scores that have one.
    evaluated: how the scores were come by: model, data, split, tokenizer, beams ...; name -> plain value.
    trained: what the model was trained on and how; name -> plain value; empty if captions came from a file.
    settings: of the run, by group; empty if captions came from a file.
    notes: sentences that a reader of the scores must know.
    looked: where the decoder looked, for some of the images.
    history: the run's metrics.csv, if there is one.
    rows: metric -> `(images, F)`, in the order of `predictions`; see `pipelines.evaluation.caption_metrics`.
    diagnosis: words said too often, and where BLEU is lost.
    """

    title: str
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    predictions: tuple[Prediction, ...]
    evaluated: dict[str, object]
    trained: dict[str, object] = field(default_factory=dict)
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    looked: tuple[Looked, ...] = ()
    history: Path | None = None
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    diagnosis: ErrorAnalysis | None = None

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """What the terminal tells besides the scores: nothing of captions."""
        return []


def write_evaluation(evaluation: Evaluation, folder: Path, format: str = "html") -> Path:
    """Writes the files that the head of this module lists; returns the one to look at.

    Args:
        evaluation: what to write.
        folder: made if it does not exist.
        format: the report's: "html", "markdown" or "both".

    Raises:
        UserError: they cannot be written.
    """
    from pipelines.evaluation.reports.caption_sections import write_report
    from pipelines.evaluation.reports.markdown import write_markdown

    folder = Path(folder)
    with as_user_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / METRICS, {
        "title": evaluation.title,
        "scores": evaluation.scores,
        "intervals": {name: list(ends) for name, ends in evaluation.intervals.items()},
        "evaluated": evaluation.evaluated,
        "trained": evaluation.trained,
        "notes": list(evaluation.notes),
    })  # fmt: skip
    names = list(evaluation.predictions[0].scores)
    rows = (
        {"image": one.image, "caption": one.caption,
         "score": None if one.score is None else round(one.score, 4),
         **{name: round(value, 6) for name, value in one.scores.items()}, "references": one.references}
        for one in evaluation.predictions
    )  # fmt: skip
    write_csv(rows, folder / PREDICTIONS, ["image", "caption", "score", *names, "references"])
    _write_json(folder / COCO_RESULT, coco_result(evaluation.predictions))
    atomic_write(folder / STATISTICS, _statistics(evaluation))
    if format != "markdown":
        write_report(folder / REPORT, evaluation)
    if format != "html":
        write_markdown(folder / MARKDOWN, evaluation)
    return folder / (MARKDOWN if format == "markdown" else REPORT)


def _statistics(evaluation: Evaluation) -> bytes:
    """The rows of the metrics, image by image, as NumPy's zip of arrays (no pickle)."""
    buffer = io.BytesIO()
    digests = np.array([digest_of(one.references) for one in evaluation.predictions], np.uint64)
    # As bytes: NumPy's own strings would lose zeros at the end of a name.
    names = json.dumps([one.image for one in evaluation.predictions]).encode()
    np.savez_compressed(
        buffer, images=np.frombuffer(names, np.uint8), references=digests,
        **{f"rows_{name}": values for name, values in evaluation.rows.items()},
    )  # fmt: skip
    return buffer.getvalue()


def coco_result(predictions) -> list[dict]:
    """COCO's result format; see `result_ids`."""
    ids = result_ids([one.source_id for one in predictions], [one.image for one in predictions])
    return [{"image_id": name, "caption": one.caption} for name, one in zip(ids, predictions, strict=True)]


def result_ids(own: Sequence[str], names: Sequence[str]) -> list[int] | list[str]:
    """How a file of results names images or questions: as the data set does, with numbers where all are numbers.

    Args:
        own: the data set's own names, empty where it has none.
        names: ours, which are unique; they stand for all where its own are not.
    """
    ids = [one or name for one, name in zip(own, names, strict=True)]
    if len(set(ids)) < len(ids):
        ids = list(names)
    return [int(name) for name in ids] if all(name.isascii() and name.isdigit() for name in ids) else ids


def rank(predictions) -> list[Prediction]:
    """Best first: by CIDEr-D, then BLEU-4, then the model's own score."""
    return sorted(
        predictions,
        key=lambda one: (one.scores.get("cider_d", 0.0), one.scores.get("bleu_4", 0.0), one.score or 0.0),
        reverse=True,
    )


def _write_json(path: Path, content) -> None:
    atomic_write(path, json.dumps(content, indent=2) + "\n")
