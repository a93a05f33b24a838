"""WebDataset with questions: tar files that hold `k.jpg` and `k.json`.

The object in `k.json` is a question (`question` with `answer`, `answers` or `multiple_choice_answer`, and `choices`,
`question_type`, `answer_type`, `question_id`, if there are any), or has a list of such `questions`. All else is as of
captions (`pipelines.data.datasets.webdataset`).
"""

from pathlib import Path

from pipelines.data.datasets import webdataset
from pipelines.data.datasets.archives import ArchivedImages, Shards
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.rows import with_lowered
from pipelines.data.datasets.webdataset import Sample, holds, read_shards
from pipelines.data.examples import DataSet, Location
from pipelines.data.question_datasets.builder import QuestionDatasetBuilder
from pipelines.data.question_datasets.fields import has_question, question_of

EXPECTS = "tar files with k.jpg and k.json, which has question and answer or answers, or a list of questions"


def recognise(root: Path) -> bool:
    """Whether there are tar files, and in the first that can be read a question beside an image; True if none can."""
    return holds(root, lambda sample: "questions" in sample.fields or has_question(sample.fields))


def read(root: Path) -> DataSet:
    """Reads the questions in the tar files of the folder `root`, or in the one file `root`.

    Raises:
        UserError: there is no image with a question.
    """
    shards = Shards(root, webdataset.ENDINGS)
    images = ArchivedImages(shards.root, f"{len(shards.paths):,} tar files")
    builder = QuestionDatasetBuilder("webdataset", shards.root, images)
    read_shards(builder, shards, _add)
    return builder.finish(licence_of(shards.root))


def _add(builder: QuestionDatasetBuilder, sample: Sample, name: str, split: str | None) -> None:
    """Adds the questions of a sample."""
    listed = sample.fields.get("questions", [sample.fields])
    if not isinstance(listed, list):
        return builder.unexpected(sample.location, "a list of questions", listed)
    for index, fields in enumerate(listed):
        part = f"{sample.location.part}: questions[{index}]" if "questions" in sample.fields else sample.location.part
        location = Location(sample.location.path, part=part)
        if isinstance(fields, dict) and "question" in (fields := with_lowered(fields)):
            builder.add_question(name, question_of(fields), location, split)
        else:
            builder.unexpected(location, "a question and answers", fields)
    return None
