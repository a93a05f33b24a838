"""What is compared: evaluations that `captioner evaluate` wrote, and captions of any origin, scored here.

runs/a                    the evaluations in it
runs/a/evaluation-dev     one of them; so are its metrics.json, predictions.csv and captions.coco.json
theirs.json, ours.jsonl   captions; see `pipelines.evaluation.caption_files`
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.files import open_regular
from pipelines.data.datasets.text import read_json, read_records
from pipelines.evaluation.caption_files import ReferenceFile, read_predictions, read_references
from pipelines.evaluation.caption_metrics import compute_metrics, digest_of
from pipelines.evaluation.matching import match
from pipelines.evaluation.metrics import metric_classes
from pipelines.evaluation.results import (
    COCO_RESULT,
    METRICS,
    PREDICTIONS,
    STATISTICS,
    Evaluation,
    Prediction,
)
from pipelines.utils.tables import unguarded

NOT_STATED = "not stated: the captions came as a file"
DATA_FOLDER = "data folder"
_MOST_BYTES = 2**28  # of the rows of an evaluation: a million images have fewer
_SEPARATOR = " | "  # of references in a table


@dataclass(frozen=True)
class Item:
    """What a system says of an image.

    text: its caption or its answer. references: what people say. question: where it is an answer.
    names: of the image, under which its file may be found.
    """

    text: str
    references: tuple[str, ...] = ()
    question: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluated:
    """What a metrics.json says, and the rows of the metrics beside it; or the same of captions that were scored here.

    images: in the order of the rows; where answers were scored, questions.
    references: a number each, which tells the references of one image from others.
    trained: what the model was trained on and how.
    folder: where it was read from.
    items: by image; empty where they are to be read from that folder, see `read_items`.
    notes: sentences that a reader of the scores must know.
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
    items: Mapping[str, Item] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> str:
        """What a row is: "questions" or "images"."""
        return "questions" if "questions" in self.evaluated else "images"


@dataclass(frozen=True)
class ReferenceOptions:
    """What captions that came as files are scored against.

    path: a file, or the folder of a data set; by default the data that another of the evaluations was made on.
    split: of the data set. tokenizer: what makes words of captions and references.
    """

    path: Path | None = None
    split: str | None = None
    tokenizer: str = "ptb"


def read_evaluations(paths: Sequence[Path], references: ReferenceOptions = ReferenceOptions()) -> list[Evaluated]:
    """The evaluations in paths, in their order: folders with a metrics.json, runs with such folders, captions.

    Raises:
        UserError: a path holds none, or one that cannot be read, or two paths mean the same; or captions cannot be
            scored.
    """
    files = [file for path in paths for file in _files(Path(path), again=references.path is not None)]
    real = [file.resolve() for file in files]
    for number, file in enumerate(files):
        if real[number] in real[:number]:
            raise UserError(
                f"{file.parent if file.name == METRICS else file} is named twice, or lies in a run that is named, too: "
                "an evaluation is compared with others, not with itself. Name it once."
            )
    evaluations = {file: _read(file) for file in files if _is_evaluation(file)}
    captions = [file for file in files if file not in evaluations]
    if not captions and references.path is not None:
        raise UserError(
            "All of these are evaluations, which have their scores already: leave out --references, or name their "
            f"{PREDICTIONS} or {COCO_RESULT} to score the captions again."
        )
    if captions:
        known = _references_for(captions, list(evaluations.values()), references)
        evaluations |= zip(captions, _score(captions, known), strict=True)
    return [evaluations[file] for file in files]


def _files(path: Path, again: bool) -> Iterator[Path]:
    """The files that a path stands for. `again`: those of an evaluation are captions to score."""
    own = path.name in (PREDICTIONS, COCO_RESULT) and path.is_file() and path.with_name(METRICS).is_file()
    if own and not again:
        yield path.with_name(METRICS)
    elif path.is_file():
        yield path
    elif (path / METRICS).is_file():
        yield path / METRICS
    else:
        files = sorted(path.glob(f"evaluation-*/{METRICS}"))
        if not files:
            raise UserError(
                f"{path} holds no evaluation (no {METRICS}). Run `captioner evaluate {path}` first, or name a file of "
                "captions."
            )
        yield from files


def _is_evaluation(path: Path) -> bool:
    """Whether a file is a metrics.json, whatever it is called, and no file of captions."""
    if path.name == METRICS:
        return True
    if path.suffix.lower() != ".json":
        return False
    content = read_json(path)
    return isinstance(content, dict) and {"scores", "evaluated"} <= content.keys()


@dataclass(frozen=True)
class _Known:
    """References as they were read, and from where."""

    path: Path
    split: str | None
    tokenizer: str
    file: ReferenceFile


def _references_for(captions: Sequence[Path], evaluations: Sequence[Evaluated], options: ReferenceOptions) -> _Known:
    path, split = options.path, options.split
    if path is None:
        for evaluation in evaluations:
            folder = evaluation.evaluated.get(DATA_FOLDER)
            if isinstance(folder, str) and Path(folder).is_dir():
                path, split = Path(folder), split or str(evaluation.evaluated.get("split") or "") or None
                break
        else:
            raise UserError(
                f"{captions[0]} holds captions and no scores: give what they are scored against with --references, a "
                "file or the folder of a data set."
            )
    return _Known(path, split, options.tokenizer, read_references(path, split))


def _score(files: Sequence[Path], known: _Known) -> Iterator[Evaluated]:
    """The captions of each file, scored on the images that all of them have.

    On these alone, because CIDEr-D weighs words by the references of all images that are scored.
    """
    matched = []
    for file in files:
        captions, skipped = read_predictions(file)
        matched.append((match(captions, known.file.captions, known.file.others), skipped))
    shared = [image for image in matched[0][0] if all(image in texts for texts, _ in matched)]
    if not shared:
        *names, last = map(str, files)
        raise UserError(
            f"There is no image of which {', '.join(names)} and {last} all have a caption: they cannot be compared."
        )
    left_out = len(set().union(*(texts for texts, _ in matched))) - len(shared)
    sentences = (f"{left_out:,} images are left out: not all of the files have a caption of them.",) if left_out else ()
    names: dict[str, list[str]] = {}
    for other, images in known.file.others.items():
        for image in images:
            names.setdefault(image, []).append(other)
    for file, (texts, skipped) in zip(files, matched, strict=True):
        evaluation = evaluate_captions(
            {image: texts[image] for image in shared}, known.file, known.tokenizer,
            {"captions": file.name, "references": known.path.name, "split": known.split or NOT_STATED},
        )  # fmt: skip
        yield Evaluated(
            file.name,
            evaluation.scores,
            {name: list(bounds) for name, bounds in evaluation.intervals.items()},
            {
                **evaluation.evaluated,
                "images left out": len(texts) - len(shared),
                "lines without a caption": skipped,
                DATA_FOLDER: str(known.path if known.path.is_dir() else known.path.parent),
            },
            tuple(shared),
            np.array([digest_of(prediction.references) for prediction in evaluation.predictions], np.uint64),
            evaluation.rows,
            folder=str(file.parent),
            items={
                prediction.image: Item(
                    prediction.caption, prediction.references,
                    names=(prediction.image, *names.get(prediction.image, ())),
                )
                for prediction in evaluation.predictions
            },
            notes=(*sentences, *evaluation.notes),
        )  # fmt: skip


def evaluate_captions(
    texts: Mapping[str, str],
    known: ReferenceFile,
    tokenizer: str,
    stated: Mapping[str, object],
    *,
    title: str = "",
    scorer: str = "own",
) -> Evaluation:
    """Scores captions that were made by anything.

    Args:
        texts: image -> caption; the images are named as the references name them, see `pipelines.evaluation.matching`.
        known: the references.
        tokenizer: what makes words of both.
        stated: facts on where they come from.
        scorer: "own", or "coco" to run the COCO scorer as well.
    """
    expected = known.captions
    results = compute_metrics(texts, expected, tokenizer, scorer=scorer)
    return Evaluation(
        title=title,
        scores=results.scores,
        intervals=results.intervals,
        predictions=tuple(
            Prediction(image, text, expected[image], results.per_caption[image], source_id=known.ids[image])
            for image, text in texts.items()
        ),
        evaluated={**stated, **results.facts(expected[image] for image in texts)},
        notes=results.notes,
        rows=results.rows,
    )


def read_items(evaluation: Evaluated) -> Mapping[str, Item]:
    """What the system says of each image or question; nothing where its predictions are not at hand.

    Raises:
        UserError: its table of predictions is damaged.
    """
    path = Path(evaluation.folder, PREDICTIONS)
    if evaluation.items or not evaluation.folder or not path.is_file():
        return evaluation.items
    records = read_records(path, ",")
    _, header = next(records, (1, []))
    items = {}
    for line, fields in records:
        if isinstance(fields, str) or len(fields) != len(header):
            raise UserError(f"{path}:{line}: this row cannot be read; it has not the fields that the first row names.")
        row = dict(zip(header, map(unguarded, fields), strict=True))
        image = row.get("image", "")
        if "question" in row:
            people = tuple(filter(None, row.get("people", "").split(_SEPARATOR)))
            items[row.get("id", "")] = Item(row.get("prediction", ""), people, row["question"], (image,))
        else:
            people = tuple(filter(None, row.get("references", "").split(_SEPARATOR)))
            items[image] = Item(row.get("caption", ""), people, names=(image,))
    return items


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
