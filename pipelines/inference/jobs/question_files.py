"""Files of questions to be answered: a csv, tsv or jsonl table with the columns `image` and `question`.

Optional columns: `choices` (a list in jsonl, in the others separated by "|" or a list as programs print it) and `id`,
which leaves as it came. Images are looked
for beside the file and in images/ beside it. Other columns are ignored, so the table of a data set can be used.
"""

import functools
import os
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from captioner.errors import UserError
from captioner.models.vqa.preprocessing import choices_problem
from pipelines.data.datasets.finder import absent_image, leads_out
from pipelines.data.datasets.rows import csv_rows, is_jsonl, json_rows
from pipelines.data.datasets.text import NOT_TEXT, is_text
from pipelines.data.datasets.values import as_id, field_values, value_text
from pipelines.data.examples import Id, Location, ProblemList
from pipelines.inference.jobs.job import record_key

QUESTION_FIELDS = ("id", "image", "question", "choices", "line")  # of a record, which state the question
_KINDS = (".csv", ".tsv", ".jsonl")
_FOLDERS = ("", "images")
_LEFT_OUT = "; the row was left out"

FindImage = Callable[[str], str]  # the name of an image -> its path


@dataclass(frozen=True)
class Question:
    """A question about an image, as it was asked.

    image: its name in results. path: its file. choices: what to choose from; none: anything may be the answer.
    id: whatever name the asker has for the question. line: in the file, for a row that could not be read.
    problem: why it cannot be asked, if it cannot.
    """

    image: str
    path: str
    question: str
    choices: tuple[str, ...] = ()
    id: Id = ""
    line: int = 0
    problem: str = ""

    def record(self) -> dict:
        """The fields of a record that state the question."""
        fields = {"id": self.id, "image": self.image, "question": self.question, "choices": list(self.choices),
                "line": self.line}  # fmt: skip
        empty = {"id": "", "choices": [], "line": 0}
        return {name: value for name, value in fields.items() if name not in empty or value != empty[name]}


def question_key(record: dict) -> str:
    """What identifies the record of a question.

    >>> question_key({"image": "a.jpg", "question": "What?", "answer": "red"})
    '[null, "a.jpg", "What?", null, null]'
    """
    return record_key(record, QUESTION_FIELDS)


def make_question(image: str, path: str, question: str, choices: Sequence[str] = (), id: Id = "") -> Question:
    """A question, with its problem if it has one.

    >>> make_question("a.jpg", "a.jpg", " what   colour ?").question
    'what colour ?'
    >>> make_question("a.jpg", "a.jpg", "what ?", ["red"]).problem
    'there must be at least 2 choices, and here is 1'
    """
    if not all(map(is_text, (question, str(id), *choices))):
        question, *choices = map(_escaped, (question, *choices))
        id = _escaped(id) if isinstance(id, str) else id
        problem = NOT_TEXT
    else:
        problem = question_problem(question) or (choices_problem(choices) if choices else "")
    if not image:
        problem = "no image is named"
    clean = tuple(" ".join(choice.split()) for choice in choices)
    return Question(image, path, " ".join(question.split()), clean, id, problem=problem)


def question_problem(question: str) -> str:
    """The problem of a question, or nothing."""
    return "" if question.strip().strip("? ") else "the question is empty"


def read_questions_file(path: Path) -> tuple[list[Question], int]:
    """The questions of a file, those of an image together, images in the order of their first question.

    Rows that cannot be used are included, each with its problem.

    Returns:
        the questions, each once; and how many rows repeated one.

    Raises:
        UserError: the file cannot be read or holds no question, or a column is missing.
    """
    path = Path(path)
    if path.suffix.lower() not in _KINDS:
        raise UserError(f"{path}: a file that ends in {', '.join(_KINDS[:-1])} or {_KINDS[-1]} was expected.")
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    faults = ProblemList("question")
    find_image = functools.cache(functools.partial(_image_path, path.parent))
    rows = list((_json if is_jsonl(path) else _delimited)(faults, path, find_image))
    for fault in faults.problems:
        text = fault.text.removesuffix(_LEFT_OUT).removesuffix(" The row was left out")
        rows.append((fault.line, Question("", "", "", line=fault.line, problem=f"line {fault.line}: {text}")))
    if not rows:
        raise UserError(f"{path} holds no questions.")
    of_image: dict[str, dict[str, Question]] = {}
    for _, question in sorted(rows, key=lambda row: row[0]):
        of_image.setdefault(question.image, {}).setdefault(question_key(question.record()), question)
    questions = [question for asked_once in of_image.values() for question in asked_once.values()]
    return questions, len(rows) - len(questions)


def _image_path(root: Path, name: str) -> str:
    """Where the image of a table is, or would be looked for first; empty where that leads out of the table's folder."""
    paths = [os.path.join(root, folder, name) for folder in _FOLDERS if not leads_out(os.path.join(folder, name))]
    return next(filter(os.path.isfile, paths), "" if leads_out(name) else paths[0])


def _delimited(faults: ProblemList, path: Path, find_image: FindImage) -> Iterator[tuple[int, Question]]:
    for line, row in csv_rows(faults, path, ("image", "question")):
        listed = row.get("choices", "")
        choices = list(map(_known_text, field_values(listed, "|"))) if listed.strip() else []
        yield line, _question(row["image"], row["question"], choices, row.get("id", ""), line, find_image)


def _json(faults: ProblemList, path: Path, find_image: FindImage) -> Iterator[tuple[int, Question]]:
    for line, row in json_rows(faults, path):
        image, question, choices, id = (row.get(name) for name in ("image", "question", "choices", "id"))
        image, question = value_text(image), value_text(question)
        texts = [] if choices is None else list(map(value_text, field_values(choices)))
        if image is None or question is None:
            faults.problem(Location(path, line), f"expected image and question, got {reprlib.repr(row)}")
        elif None in texts:
            faults.problem(Location(path, line), f"the choices should be a list of texts, got {reprlib.repr(choices)}")
        elif isinstance(id, bool | list | dict):
            faults.problem(Location(path, line), f"the id should be a text or a number, got {reprlib.repr(id)}")
        else:
            id = as_id(id)
            yield line, _question(image, question, texts, "" if id is None else id, line, find_image)


def _known_text(value: object) -> str:
    return value_text(value) or ""


def _question(image: str, question: str, choices: list[str], id: Id, line: int, find_image: FindImage) -> Question:
    image = image.strip(" \t\r\n")  # other blanks may be meant
    row = make_question(image, find_image(image), question, choices, id.strip() if isinstance(id, str) else id)
    if row.image and not row.path:
        return replace(row, problem=row.problem or absent_image(image))
    return row if row.image else replace(row, path="", line=line)


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
