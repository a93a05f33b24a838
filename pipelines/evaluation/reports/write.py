"""Writes the files of an evaluation; `pipelines.evaluation.results` lists them."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.files import atomic_write, locked_folder
from pipelines.data.datasets.text import read_json
from pipelines.evaluation.caption_metrics import digest_of
from pipelines.evaluation.reports.html_page import render_report
from pipelines.evaluation.reports.markdown import render_markdown
from pipelines.evaluation.results import (
    COCO_RESULT,
    MARKDOWN,
    METRICS,
    PREDICTIONS,
    REPORT,
    STATISTICS,
    Evaluation,
    coco_result,
)
from pipelines.utils.progress import Reporter
from pipelines.utils.tables import write_csv


@dataclass(frozen=True)
class ReportOptions:
    """What is computed and written.

    folder: to write to; by default one in the run's folder, and nothing for captions that came as a file.
    format: of the report: "html", "markdown" or "both".
    scorer: of captions: "own", or "coco" to run the COCO scorer as well.
    command: that was typed, for the report to state.
    """

    folder: Path | None = None
    format: str = "html"
    scorer: str = "own"
    command: str = ""


def check_report_folder(folder: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuses to write an evaluation over the files of somebody else, before anything is computed.

    Args:
        folder: where an evaluation is to be written; an earlier one in it may be replaced.
        inputs: files that are read for it.

    Raises:
        UserError: a file of that name is there, and is no part of an evaluation, or is read for this one.
    """
    names = (METRICS, PREDICTIONS, COCO_RESULT, STATISTICS, REPORT, MARKDOWN)
    there = [folder / name for name in names if (folder / name).exists()]
    if _is_evaluation(folder / METRICS):
        read = {path.resolve() for path in inputs}
        there = [path for path in there if path.resolve() in read]
    if there:
        raise UserError(
            f"{there[0]} exists already, and a report would replace it. Nothing was changed: give another --report, or "
            "move that file away."
        )


def _is_evaluation(path: Path) -> bool:
    try:
        return "evaluated" in read_json(path)
    except (UserError, OSError, TypeError):
        return False


def publish(evaluation: Evaluation, options: ReportOptions, reporter: Reporter, folder: Path | None = None) -> None:
    """Logs what a reader must know, and writes the report, if there is a folder for it: by default `folder`."""
    for note in evaluation.notes:
        reporter.warn(note)
    folder = options.folder or folder
    if folder is not None:
        reporter.log(f"Report: {write_evaluation(evaluation, folder, options.format)}")


def write_evaluation(evaluation: Evaluation, folder: Path, format: str = "html") -> Path:
    """Writes all files; returns the one to look at. Two processes at once write one after the other.

    Args:
        evaluation: what to write.
        folder: made if it does not exist.
        format: the report's: "html", "markdown" or "both".

    Raises:
        UserError: they cannot be written.
    """
    with locked_folder(Path(folder), wait=60):
        _write_files(evaluation, Path(folder), format)
    return Path(folder) / (MARKDOWN if format == "markdown" else REPORT)


def _write_files(evaluation: Evaluation, folder: Path, format: str) -> None:
    _write_json(folder / METRICS, {
        "title": evaluation.title,
        "scores": evaluation.scores,
        "intervals": {name: list(interval) for name, interval in evaluation.intervals.items()},
        **evaluation.breakdown,
        "evaluated": evaluation.evaluated,
        "trained": evaluation.trained,
        "notes": list(evaluation.notes),
    })  # fmt: skip
    columns = list(evaluation.predictions[0].row())
    write_csv((prediction.row() for prediction in evaluation.predictions), folder / PREDICTIONS, columns)
    if not evaluation.of_answers:
        _write_json(folder / COCO_RESULT, coco_result(evaluation.predictions))
    atomic_write(folder / STATISTICS, _statistics(evaluation))
    if format != "markdown":
        atomic_write(folder / REPORT, render_report(evaluation))
    if format != "html":
        atomic_write(folder / MARKDOWN, render_markdown(evaluation))


def _statistics(evaluation: Evaluation) -> bytes:
    """The rows of the metrics, item by item, as NumPy's zip of arrays (no pickle)."""
    buffer = io.BytesIO()
    digests = np.array([digest_of(prediction.references) for prediction in evaluation.predictions], np.uint64)
    # As bytes: NumPy's own strings would lose zeros at the end of a name.
    ids = json.dumps([prediction.id for prediction in evaluation.predictions]).encode()
    np.savez_compressed(
        buffer, images=np.frombuffer(ids, np.uint8), references=digests,
        **{f"rows_{name}": values for name, values in evaluation.rows.items()},
    )  # fmt: skip
    return buffer.getvalue()


def _write_json(path: Path, content) -> None:
    atomic_write(path, json.dumps(content, indent=2) + "\n")
