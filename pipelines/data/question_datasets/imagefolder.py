"""Hugging Face's imagefolder with questions: `metadata.csv` or `metadata.jsonl` with `file_name`, `question`, `answer`.

Files, folders and splits are those of `pipelines.data.datasets.imagefolder`; the other columns (`answers`, `choices`,
`type`, `id` ...) those of plain tables (`pipelines.data.question_datasets.table`).
"""

from collections.abc import Sequence
from pathlib import Path

from pipelines.data.datasets.imagefolder import find_metadata, place, read_metadata
from pipelines.data.examples import DataSet
from pipelines.data.question_datasets.builder import QuestionDatasetBuilder
from pipelines.data.question_datasets.table import add_rows, question_rows

EXPECTS = (
    "metadata.csv or metadata.jsonl with file_name, question and answer or answers (and choices, type, id); in the "
    "folder or in train/, validation/ and test/"
)


def recognise(root: Path) -> bool:
    """Whether there is a metadata file with `file_name`, questions and answers."""
    return bool(find_metadata(root, _fits))


def read(root: Path) -> DataSet:
    """Reads the metadata files of `root`; errors are those of `read_metadata`."""
    return read_metadata(QuestionDatasetBuilder("imagefolder", root, (".",)), _fits, _add, "question and answer")


def _fits(header: Sequence[str]) -> bool:
    return {"file_name", "question"} <= set(header) and bool({"answer", "answers"} & set(header))


def _add(builder: QuestionDatasetBuilder, path: Path, split: str | None) -> set[str | None]:
    rows = list(place(builder, path, question_rows(builder, path, "file_name"), split))
    add_rows(builder, path, rows)
    return {of_row for _, _, of_row, _ in rows}
