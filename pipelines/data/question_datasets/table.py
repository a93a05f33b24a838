"""Your own questions: a plain table with the columns `image`, `question` and `answer` (or `answers`).

The table is `questions.csv`, `questions.tsv` or `questions.jsonl`, or the only file of these kinds with such columns in
the folder, or one file a split. Further columns, if you like: `choices`, `split`, `type`, `answer_type`, `id`. Several
answers and choices are lists in jsonl, and separated by "|" in the others. Rows with the same image and question are
what several people answered. Without splits the images are split by a hash of their names, as captions are.
"""

from collections.abc import Iterator
from pathlib import Path

from pipelines.data.datasets.rows import csv_rows, find_tables, header_of, is_jsonl, json_rows, named_split, read_tables
from pipelines.data.datasets.table import IMAGE_FOLDERS
from pipelines.data.datasets.text import truncate
from pipelines.data.examples import DataSet, Location
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder

EXPECTS = (
    "questions.csv, questions.tsv or questions.jsonl with image, question and answer or answers (and choices, "
    "split, type); images beside it or in images/"
)
_MARK = "|"
_REST = {"type": "type", "answer_type": "answer_type", "source_id": "id"}  # field of `AnnotatedQuestion` -> column


def recognise(root: Path) -> bool:
    """Whether there is a csv, tsv or jsonl file with images and questions in `root`."""
    return bool(_tables(root))


def read(root: Path) -> DataSet:
    """Reads the table in `root`; errors are those of `read_tables`."""
    builder = QuestionDatasetBuilder("table", root, IMAGE_FOLDERS)
    return read_tables(builder, _tables(root) or find_tables(root), "questions", add_table)


def add_table(builder: QuestionDatasetBuilder, path: Path, split: str | None = None) -> bool:
    """Adds the questions of a table; returns whether anything says the splits.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    rows = list(_json(builder, path) if is_jsonl(path) else _delimited(builder, path))
    with_split = any("split" in row for _, row in rows)
    asked: dict[tuple[str, str, str | None], tuple[int, AnnotatedQuestion]] = {}
    for line, row in rows:
        image = row["image"]
        of_row = named_split(builder, image, row.get("split"), Location(path, line)) if with_split else split
        if with_split and of_row is None:
            continue
        key = image.strip(), " ".join(row["question"].split()), of_row
        if key in asked:  # one more person answered
            asked[key][1].answers.extend(row["answers"])
            continue
        rest = {name: _text(row.get(column)) for name, column in _REST.items()}
        asked[key] = line, AnnotatedQuestion(row["question"], row["answers"], row["choices"], **rest)
    for (image, _, of_row), (line, question) in asked.items():
        builder.add_question(image, question, Location(path, line), of_row)
    return split is not None or with_split


def _tables(root: Path) -> list[Path]:
    return [path for path in find_tables(root) if {"image", "question"} <= set(header_of(path))]


def _delimited(builder: QuestionDatasetBuilder, path: Path) -> Iterator[tuple[int, dict]]:
    answer = "answers" if "answers" in header_of(path) else "answer"
    for line, row in csv_rows(builder, path, ("image", "question", answer)):
        # The comma of a single answer belongs to it: "book, lamp" is a set that one person gave.
        answers = row[answer].split(_MARK) if answer == "answers" else [row[answer]]
        choices = row.get("choices", "").strip()
        yield line, {**row, "answers": answers, "choices": choices.split(_MARK) if choices else None}


def _json(builder: QuestionDatasetBuilder, path: Path) -> Iterator[tuple[int, dict]]:
    for line, row in json_rows(builder, path):
        answers, choices = _texts(row.get("answers", row.get("answer"))), _texts(row.get("choices"))
        if not isinstance(row.get("image"), str) or not isinstance(row.get("question"), str) or answers is None:
            location = Location(path, line)
            builder.unexpected(location, "image, question and answer, all text", row, "the row was left out")
            continue
        if choices is None and row.get("choices") is not None:
            text = f"the choices of {truncate(row['question'])} are no list of texts; it is asked without"
            builder.problem(Location(path, line), text)
        yield line, {**row, "answers": answers, "choices": choices}


def _texts(value: object) -> list[str] | None:
    """A text, a number or a list of them as a list of texts; None for anything else."""
    if isinstance(value, str):
        return [value]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in values):
        return None
    return list(map(_text, values))


def _text(value: object) -> str:
    """A text or a number as text, 2.0 as "2"; anything else is none."""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ""
