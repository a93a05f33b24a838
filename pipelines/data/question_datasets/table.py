"""Your own questions: a plain table with the columns `image`, `question` and `answer` (or `answers`).

The table is `questions.csv`, `questions.tsv` or `questions.jsonl`, or the only file of these kinds with such columns in
the folder, or one file a split, or given itself in place of the folder. Further columns, if you like: `choices`,
`split`, `type` (or `question_type`), `answer_type`, `id` (or `question_id`). Several
answers and choices are lists in jsonl, in the others separated by "|" or a list as programs print it (`['yes', 'no']`).
Rows with the same image, question and id are what several people answered. Without splits the images are split by a
hash of their names, as captions are.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.data.datasets.rows import (
    csv_rows,
    find_tables,
    folder_of,
    header_of,
    is_jsonl,
    json_rows,
    named_split,
    read_tables,
)
from pipelines.data.datasets.table import IMAGE_FOLDERS
from pipelines.data.datasets.text import truncate
from pipelines.data.datasets.values import as_id, column_ids, field_values, value_text
from pipelines.data.examples import DataSet, Location
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder

EXPECTS = (
    "questions.csv, questions.tsv or questions.jsonl with image, question and answer or answers (and choices, "
    "split, type); images beside it or in images/"
)
_MARK = "|"
_REST = {"type": "type", "answer_type": "answer_type", "source_id": "id"}  # field of `AnnotatedQuestion` -> column
_SAME = {"question_id": "id", "question_type": "type"}  # columns of VQA's files, as tables made from them have them


def recognise(root: Path) -> bool:
    """Whether there is a csv, tsv or jsonl file with images and questions in `root`."""
    return bool(_tables(root))


def read(root: Path) -> DataSet:
    """Reads the table in `root`, or the table `root`; errors are those of `read_tables`."""
    builder = QuestionDatasetBuilder("table", folder_of(root), IMAGE_FOLDERS)
    return read_tables(builder, _tables(root) or find_tables(root), "questions", add_table)


def add_table(builder: QuestionDatasetBuilder, path: Path, split: str | None = None) -> bool:
    """Adds the questions of a table; returns whether anything says the splits.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    rows = list(question_rows(builder, path))
    with_split = any("split" in row for _, row in rows)
    placed = []
    for line, row in rows:
        location, image = Location(path, line), row["image"].strip()
        of_row = named_split(builder, image, row.get("split"), location) if with_split else split
        if not with_split or of_row is not None:
            placed.append((location, image, of_row, row))
    add_rows(builder, path, placed)
    return split is not None or with_split


def question_rows(builder: QuestionDatasetBuilder, path: Path, image: str = "image") -> Iterator[tuple[int, dict]]:
    """`(line, row)` of a table, with texts under `question` and `image` and lists under `answers` and `choices`.

    Args:
        builder: takes the rows that hold no question.
        path: a csv, tsv or jsonl file.
        image: the column that names the image.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    return _json(builder, path, image) if is_jsonl(path) else _delimited(builder, path, image)


def add_rows(
    builder: QuestionDatasetBuilder, path: Path, rows: Iterable[tuple[Location, str, str | None, dict]]
) -> None:
    """Adds rows of `question_rows` with their images and splits; those of one question are what several people said."""
    asked: dict[tuple, tuple[Location, AnnotatedQuestion]] = {}
    for location, image, split, row in rows:
        question = " ".join(row["question"].split())
        key = image, question, split, repr(as_id(row.get("id")))
        if key in asked:  # one more person answered
            asked[key][1].answers.extend(row["answers"])
            continue
        rest = {name: row.get(column) for name, column in _REST.items()}
        asked[key] = location, AnnotatedQuestion(question, row["answers"], row["choices"], **rest)
    for (image, _, split, _), (location, question) in asked.items():
        builder.add_question(image, question, location, split)
    again = len(asked) - len({key[:3] for key in asked})
    if again:
        builder.notes.append(
            f"{again:,} rows of {path.name} ask what was asked about the same image under another id: they are "
            "questions of their own. Give the answers of several people to one question the same id, or none."
        )


def _tables(root: Path) -> list[Path]:
    return [path for path in find_tables(root) if {"image", "question"} <= set(header_of(path))]


def _renamed(row: dict) -> dict:
    """A row with the names of columns that are documented; what is under such a name already counts."""
    return {_SAME[name]: row[name] for name in _SAME if name in row} | row


def _delimited(builder: QuestionDatasetBuilder, path: Path, image: str) -> Iterator[tuple[int, dict]]:
    answer = "answers" if "answers" in header_of(path) else "answer"
    rows = [(line, _renamed(row)) for line, row in csv_rows(builder, path, (image, "question", answer))]
    ids = column_ids([row.get("id", "").strip() for _, row in rows])
    for (line, row), id in zip(rows, ids, strict=True):
        # The comma of a single answer belongs to it: "book, lamp" is a set that one person gave.
        answers = field_values(row[answer], _MARK if answer == "answers" else "")
        choices = row.get("choices", "")
        choices = field_values(choices, _MARK) if choices.strip() else None
        yield line, {**row, "image": row[image], "id": id, "answers": answers, "choices": choices}


def _json(builder: QuestionDatasetBuilder, path: Path, column: str) -> Iterator[tuple[int, dict]]:
    for line, row in ((line, _renamed(row)) for line, row in json_rows(builder, path)):
        image, question, choices = value_text(row.get(column)), value_text(row.get("question")), row.get("choices")
        if image is None or question is None or not {"answer", "answers"} & set(row):
            builder.unexpected(Location(path, line), f"{column}, question and answer", row, "the row was left out")
            continue
        if isinstance(choices, dict):
            text = f"the choices of {truncate(question)} are no list of texts; it is asked without"
            builder.problem(Location(path, line), text)
            choices = None
        yield (
            line,
            {
                **row,
                "image": image,
                "question": question,
                "answers": list(field_values(row.get("answer") if row.get("answers") is None else row["answers"])),
                "choices": None if choices is None else field_values(choices),
            },
        )
