"""What an evaluation found, and the files it is written to.

evaluation-test/
  metrics.json         scores, 95 % intervals, and how they were come by
  predictions.csv      image, caption, its scores, references
  captions.coco.json   COCO's result format, for other tools
  report.html          a page to look at and to send
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.disk import told, write_whole
from pipelines.tables import write_csv

METRICS, PREDICTIONS, COCO_RESULT, REPORT = (
    "metrics.json",
    "predictions.csv",
    "captions.coco.json",
    "report.html",
)


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
    evaluated: how the scores were come by: model, data, split, tokeniser, beams ...; name -> plain value.
    settings: of the run, by group; empty if captions came from a file.
    notes: sentences that a reader of the scores must know.
    history: the run's metrics.csv, if there is one.
    """

    title: str
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    predictions: tuple[Prediction, ...]
    evaluated: dict[str, object]
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    looked: tuple[Looked, ...] = ()
    history: Path | None = None


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Writes the files that the head of this module lists.

    Raises:
        UserError: they cannot be written.
    """
    from pipelines.report import write_report

    folder = Path(folder)
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / METRICS, {
        "title": evaluation.title,
        "scores": evaluation.scores,
        "intervals": {name: list(ends) for name, ends in evaluation.intervals.items()},
        "evaluated": evaluation.evaluated,
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
    write_report(folder / REPORT, evaluation)


def coco_result(predictions) -> list[dict]:
    """COCO's result format; ids are the data set's own where it has any, as numbers where all are numbers."""
    ids = [one.source_id or one.image for one in predictions]
    if len(set(ids)) < len(ids):
        ids = [one.image for one in predictions]
    numbers = all(name.isascii() and name.isdigit() for name in ids)
    return [
        {"image_id": int(name) if numbers else name, "caption": one.caption}
        for name, one in zip(ids, predictions, strict=True)
    ]


def rank(predictions) -> list[Prediction]:
    """Best first: by CIDEr-D, then BLEU-4, then the model's own score."""
    return sorted(
        predictions,
        key=lambda one: (one.scores.get("cider_d", 0.0), one.scores.get("bleu_4", 0.0), one.score or 0.0),
        reverse=True,
    )


def _write_json(path: Path, content) -> None:
    write_whole(path, json.dumps(content, indent=2) + "\n")
