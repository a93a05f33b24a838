"""Parquet with images and questions, as lmms-lab keeps VQAv2 and OK-VQA on Hugging Face's hub.

A row is a question: `image`, `question`, and `answers` (texts, or objects with `answer`), `answer` or
`multiple_choice_answer`; `choices`, `question_type`, `answer_type` and `question_id`, if there are any. All else is as
of captions (`pipelines.data.datasets.parquet`).
"""

from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets import parquet
from pipelines.data.datasets.archives import ArchivedImages, Shards
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.parquet_files import ParquetFile, is_text_type
from pipelines.data.examples import DataSet
from pipelines.data.question_datasets.builder import QuestionDatasetBuilder
from pipelines.data.question_datasets.fields import COLUMNS, has_question, question_of

EXPECTS = "parquet files with image (bytes, or {bytes, path}), question and answers, answer or multiple_choice_answer"


def recognise(root: Path) -> bool:
    """Whether there are parquet files, and the first that can be read has images and questions; True if none can."""
    return parquet.holds(root, has_question)


def read(root: Path) -> DataSet:
    """Reads the questions in the parquet files of the folder `root`, or in the one file `root`.

    Raises:
        UserError: there is no image with a question, or the library that reads parquet is not installed.
    """
    shards = Shards(root, parquet.ENDINGS)
    images = ArchivedImages(shards.root, f"{len(shards.paths):,} parquet files")
    builder = QuestionDatasetBuilder("parquet", shards.root, images)
    for row in parquet.read_rows(builder, shards, _columns):
        builder.add_question(row.name, question_of(row.fields), row.location, row.split)
    return builder.finish(licence_of(shards.root))


def _columns(file: ParquetFile) -> list[str]:
    """The columns of questions.

    Raises:
        UserError: some are missing, or one holds something else.
    """
    if not has_question(file.columns):
        listed = ", ".join(f"`{name}`" for name in list(file.columns)[:10])
        raise UserError(f"{file.path} has no columns `question` and `answer` or `answers`; it has: {listed}.")
    if not is_text_type(file.type_of("question")):
        raise UserError(
            f"{file.path} has {file.type_of('question')} in its column `{file.columns['question']}`; questions as "
            "texts were expected."
        )
    return [name for name in COLUMNS if name in file.columns]
