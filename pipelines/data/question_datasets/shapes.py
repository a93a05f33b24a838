"""The questions of the drawn scenes: existence, attributes, counting, relations; the majority baseline is low."""

from pathlib import Path

from pipelines.data.datasets.drawn import LICENCE
from pipelines.data.datasets.shapes import DRAWING
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
    builder = QuestionDatasetBuilder("shapes", root, (".",))
    add_table(builder, root / "questions.jsonl")
    builder.notes += DRAWING.notes
    return builder.finish(LICENCE)
