"""VizWiz-VQA: 32,842 photographs with the questions that blind people asked about them (Gurari et al., 2018).

`Annotations/train.json` and the like are lists of `{image, question, answers: ten of {answer, answer_confidence},
answer_type, answerable}`. Many questions cannot be answered: "unanswerable" is then the answer that most people gave,
and the type of the question says so, so that there are scores of both kinds. The answers of the test split are
withheld.
"""

from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.text import read_json
from pipelines.data.datasets.values import value_text
from pipelines.data.datasets.vizwiz import IMAGE_FOLDERS, LICENCE, find_files, starts
from pipelines.data.examples import DataSet, Location, canonical_split
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder

EXPECTS = (
    "Annotations/train.json, val.json, test.json of VizWiz-VQA; images (VizWiz_train_00000000.jpg) in train/, val/"
)
_ANSWERABLE = {"1": "answerable", "true": "answerable", "0": "unanswerable", "false": "unanswerable"}


def recognise(root: Path) -> bool:
    """Whether there are annotations of VizWiz with questions."""
    return any(starts(path, "[") for _, path in find_files(root))


def read(root: Path) -> DataSet:
    """Reads VizWiz-VQA from `root`.

    Raises:
        UserError: a file is not JSON or no list, or none of the images is there.
    """
    files = [(split, path) for split, path in find_files(root) if not starts(path, "{")]  # those are captions
    if not files:
        raise UserError(f"There is no train.json, val.json or test.json of VizWiz in {root} or {root / 'Annotations'}.")
    builder = QuestionDatasetBuilder("vizwiz", root, IMAGE_FOLDERS)
    for split, path in files:
        _add(builder, path, canonical_split(split))
    return builder.finish(LICENCE)


def _add(builder: QuestionDatasetBuilder, path: Path, split: str) -> None:
    rows = read_json(path, _lighter)
    if not isinstance(rows, list):
        raise UserError(f"{path} is not a file of VizWiz-VQA: it needs a list of questions.")
    answered = any(isinstance(row, dict) and "answers" in row for row in rows)
    if rows and not answered:
        builder.notes.append(f"The answers of {path.name} are withheld: its questions are read without.")
    for index, row in enumerate(rows):
        location = Location(path, part=f"[{index}]")
        row = row if isinstance(row, dict) else {}
        image, question, answers = value_text(row.get("image")), value_text(row.get("question")), row.get("answers")
        if image is None or question is None or (answered and not isinstance(answers, list)):
            builder.unexpected(location, "image, question and answers", row)
            continue
        kind = _ANSWERABLE.get(value_text(row.get("answerable")) or "", "")
        asked = AnnotatedQuestion(
            question, answers if answered else None, type=kind, answer_type=row.get("answer_type"), source_id=image
        )
        builder.add_question(image, asked, location, split)


def _lighter(row: dict) -> object:
    """Of one person's answer the answer alone, see `pipelines.data.question_datasets.vqa`."""
    return row["answer"] if "answer" in row and "image" not in row else row
