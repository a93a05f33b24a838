"""Your own questions: a plain table with the columns `image`, `question` and `answer` (or `answers`).

The table is `questions.csv`, `questions.tsv` or `questions.jsonl`, or the only file of these kinds with such columns
in the folder, or one file a split. Further columns, if you like: `choices`, `split`, `type`, `answer_type`, `id`.
Several answers and choices are lists in jsonl, and separated by "|" in the others. Rows with the same image and
question are what several people answered. Without splits the images are split by a hash of their names, as
captions are.
"""

import reprlib
from collections.abc import Iterator
from pathlib import Path

from pipelines.data.datasets.rows import (
    choose_tables,
    csv_rows,
    find_tables,
    header_of,
    is_jsonl,
    json_rows,
    told_split,
)
from pipelines.data.datasets.table import IMAGE_FOLDERS, SHARE
from pipelines.data.datasets.text import shown
from pipelines.data.examples import DataSet
from pipelines.data.question_datasets.builder import Asked, QuestionDatasetBuilder

EXPECTS = (
    "questions.csv, questions.tsv or questions.jsonl with image, question and answer or answers (and choices, "
    "split, type); images beside it or in images/"
)
_MARK = "|"
_REST = {"type": "type", "answer_type": "answer_type", "source_id": "id"}  # field of `Asked` -> column


def recognise(root: Path) -> bool:
    """Whether there is a csv, tsv or jsonl file with images and questions in `root`."""
    return bool(_tables(root))


def read(root: Path) -> DataSet:
    """Reads the table in `root`.

    Raises:
        UserError: there is no table or several, a column is missing, or none of the images is there.
    """
    gathering = QuestionDatasetBuilder("table", root, IMAGE_FOLDERS)
    files = choose_tables(root, _tables(root) or find_tables(root), "questions")
    told = [add_table(gathering, path, split) for split, path in files]
    if not any(told):
        gathering.use_hash(SHARE)
    return gathering.finish()


def add_table(gathering: QuestionDatasetBuilder, path: Path, split: str | None = None) -> bool:
    """Adds the questions of a table; returns whether anything says the splits.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    rows = list(_json(gathering, path) if is_jsonl(path) else _delimited(gathering, path))
    with_split = any("split" in row for _, row in rows)
    asked: dict[tuple[str, str, str | None], tuple[int, Asked]] = {}
    for line, row in rows:
        image = row["image"]
        of_row = told_split(gathering, image, row.get("split"), path, line) if with_split else split
        if with_split and of_row is None:
            continue
        key = image.strip(), " ".join(row["question"].split()), of_row
        if key in asked:  # one more person answered
            asked[key][1].answers.extend(row["answers"])
            continue
        rest = {name: _text(row.get(column)) for name, column in _REST.items()}
        asked[key] = line, Asked(row["question"], row["answers"], row["choices"], **rest)
    for (image, _, of_row), (line, question) in asked.items():
        gathering.ask(image, question, path, line, split=of_row)
    return split is not None or with_split


def _tables(root: Path) -> list[Path]:
    return [path for path in find_tables(root) if {"image", "question"} <= set(header_of(path))]


def _delimited(gathering: QuestionDatasetBuilder, path: Path) -> Iterator[tuple[int, dict]]:
    answer = "answers" if "answers" in header_of(path) else "answer"
    for line, row in csv_rows(gathering, path, ("image", "question", answer)):
        # The comma of a single answer belongs to it: "book, lamp" is a set that one person gave.
        answers = row[answer].split(_MARK) if answer == "answers" else [row[answer]]
        choices = row.get("choices", "").strip()
        yield line, {**row, "answers": answers, "choices": choices.split(_MARK) if choices else None}


def _json(gathering: QuestionDatasetBuilder, path: Path) -> Iterator[tuple[int, dict]]:
    for line, row in json_rows(gathering, path):
        answers, choices = _texts(row.get("answers", row.get("answer"))), _texts(row.get("choices"))
        if not isinstance(row.get("image"), str) or not isinstance(row.get("question"), str) or answers is None:
            text = f"expected image, question and answer, all text, got {reprlib.repr(row)}; the row was left out"
            gathering.problem(path, line, text)
            continue
        if choices is None and row.get("choices") is not None:
            text = f"the choices of {shown(row['question'])} are no list of texts; it is asked without"
            gathering.problem(path, line, text)
        yield line, {**row, "answers": answers, "choices": choices}


def _texts(value: object) -> list[str] | None:
    """A text, a number or a list of them as a list of texts; None for anything else."""
    if isinstance(value, str):
        return [value]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in values):
        return None
    return list(map(_text, values))


def _text(value: object) -> str:
    """A text or a number as text, 2.0 as "2"; anything else is none."""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ""
