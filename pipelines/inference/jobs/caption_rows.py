"""Captions to be scored: rows of a table, or the captions of a data set."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.images.files import ImagePath
from pipelines.data.datasets.archives import is_archive
from pipelines.data.datasets.finder import ImageFinder, absent_image
from pipelines.data.datasets.rows import csv_rows, is_jsonl, json_rows
from pipelines.data.datasets.table import IMAGE_FOLDERS
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT, is_text
from pipelines.data.datasets.values import field_captions, value_text
from pipelines.data.examples import Location, Problem, ProblemList
from pipelines.utils.tables import unguarded

ENDINGS = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True)
class Row:
    """A caption of an image.

    number: of the captions that can be read, from 1. place: file and line. image: as the row names it. path: its file,
    or None where there is none.
    """

    number: int
    place: str
    image: str
    path: ImagePath | None
    caption: str


def read_rows(captions: Path, split: str | None = None, images: Path | None = None) -> tuple[list[Row], list[Problem]]:
    """The captions of a file or of a data set's folder, and the rows that cannot be read.

    Args:
        captions: a csv, tsv or jsonl file with `image` and `caption`, or a folder in any layout of data sets.
        split: of a folder; all of it by default.
        images: where a file's images are; by default beside it, or in `images/` there.

    Raises:
        UserError: there is no such file, it is of another kind, a column is missing, or it holds no captions.
    """
    if captions.is_dir() or is_archive(captions):
        rows, problems = _of_dataset(captions, split), []
    elif captions.suffix.lower() not in ENDINGS:
        raise UserError(
            f"{captions} is no file of captions: one that ends in .csv, .tsv or .jsonl was expected, with the columns "
            'image and caption. To score captions of one image, give them behind it: captioner score photo.jpg "a dog".'
        )
    elif not captions.is_file():
        raise UserError(f"There is no file {captions}.")
    else:
        rows, problems = _of_table(captions, images)
    if not rows:
        first = f" {problems[0]}" if problems else ""
        raise UserError(f"{captions} holds no caption that can be scored.{first}")
    return rows, problems


def rows_of_image(image: Path, captions: Sequence[str]) -> list[Row]:
    """Captions of one image, as the command line names them."""
    return [Row(number, "", str(image), image, text) for number, text in enumerate(captions, start=1)]


def digest(rows: Sequence[Row]) -> str:
    """A hash that identifies these captions."""
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(json.dumps([row.image, row.caption]).encode() + b"\n")
    return hashed.hexdigest()


def _of_dataset(folder: Path, split: str | None) -> list[Row]:
    from pipelines.data.datasets import read_dataset

    dataset = read_dataset(folder)
    examples = dataset.split(split) if split else dataset.examples
    pairs = ((example, text) for example in examples for text in example.captions)
    return [Row(number, each.id, each.id, each.image, text) for number, (each, text) in enumerate(pairs, start=1)]


def _of_table(path: Path, images: Path | None) -> tuple[list[Row], list[Problem]]:
    root = images or path.parent
    if images is not None and not images.is_dir():
        raise UserError(f"{images} is no folder. Give the one that the names of images in {path} begin in.")
    problems = ProblemList("caption")
    finder = ImageFinder(root, IMAGE_FOLDERS, confined=False)
    rows: list[Row] = []
    for line, image, caption in _pairs(problems, path):
        if not (is_text(image) and is_text(caption)):
            problems.problem(Location(path, line), NOT_TEXT_LEFT_OUT)
            continue
        name = image.strip().replace("\\", "/")
        relative = finder.find(name) if name else None
        file = None if relative is None else Path(os.path.join(root, relative))
        rows.append(Row(len(rows) + 1, f"{path}:{line}", name, file, " ".join(caption.split())))
    return rows, problems.problems


def _pairs(problems: ProblemList, path: Path) -> Iterator[tuple[int, str, str]]:
    """`(line, image, caption)`."""
    if not is_jsonl(path):
        for line, row in csv_rows(problems, path, ("image", "caption")):
            for caption in field_captions(unguarded(row["caption"])):
                yield line, unguarded(row["image"]), caption
        return
    for line, row in json_rows(problems, path):
        image, captions = value_text(row.get("image")), row.get("caption", row.get("captions"))
        if image is not None and captions not in (None, []) and not isinstance(captions, dict):
            yield from ((line, image, caption) for caption in field_captions(captions))
        else:
            location = Location(path, line)
            problems.unexpected(location, "an image and a caption", row, "the row was left out")


def row_problem(row: Row) -> str:
    """Why a row cannot be scored, as far as that is known without its image."""
    if not row.image:
        return "no image is named"
    if row.path is None:
        return absent_image(row.image)
    return "" if row.caption else "the caption is empty"
