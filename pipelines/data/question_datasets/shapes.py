"""The questions of the drawn scenes: existence, attributes, counting, relations; guessing earns little."""

from pathlib import Path

from pipelines.data.datasets.shapes import LICENCE
from pipelines.data.examples import DataSet
from pipelines.data.question_datasets.builder import QuestionDatasetBuilder
from pipelines.data.question_datasets.table import add_table

EXPECTS = "questions.jsonl and scenes.jsonl beside images/, as drawn by this program"


def recognise(root: Path) -> bool:
    return all((root / name).is_file() for name in ("questions.jsonl", "scenes.jsonl"))


def read(root: Path) -> DataSet:
    """The pictures with their questions.

    Raises:
        UserError: the file cannot be read, or none of the pictures is there.
    """
    gathering = QuestionDatasetBuilder("shapes", root, (".",))
    add_table(gathering, root / "questions.jsonl", None)
    gathering.notes.append("Pictures in the split 'novel' hold colour-shape pairs that the other splits never show.")
    return gathering.finish(LICENCE)
