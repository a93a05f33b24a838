"""Folders on disk -> questions about images: one file a data set, and `read_questions`, which finds out which one
a folder is.

A reader is a module with `recognise(root) -> bool`, `read(root) -> DataSet` of `QuestionExample`, and `EXPECTS`, a
line that says which files it looks for.
"""

from pathlib import Path

from captioner.registry import Registry
from pipelines.data.datasets import read_layout
from pipelines.data.examples import DataSet

QUESTION_DATASETS = Registry(
    "question data set layout",
    {
        "shapes": "pipelines.data.question_datasets.shapes",
        "easy-vqa": "pipelines.data.question_datasets.easy_vqa",
        "daquar": "pipelines.data.question_datasets.daquar",
        "daquar-37": "pipelines.data.question_datasets.daquar_37",
        "vqa": "pipelines.data.question_datasets.vqa",
        "ok-vqa": "pipelines.data.question_datasets.ok_vqa",
        "a-okvqa": "pipelines.data.question_datasets.a_okvqa",
        "vizwiz": "pipelines.data.question_datasets.vizwiz",
        "coco-qa": "pipelines.data.question_datasets.coco_qa",
        "visual7w": "pipelines.data.question_datasets.visual7w",
        "imagefolder": "pipelines.data.question_datasets.imagefolder",
        "parquet": "pipelines.data.question_datasets.parquet",
        "webdataset": "pipelines.data.question_datasets.webdataset",
        "table": "pipelines.data.question_datasets.table",
    },
)


def read_questions(root: Path | str, name: str | None = None) -> DataSet:
    """Reads the questions in the folder `root`. Images are looked up, never opened.

    Args:
        root: the folder, or a table beside its images; `easy-vqa`, where there is no folder of that name, is the
            installed package.
        name: a layout of `QUESTION_DATASETS`; by default the one that recognises the folder. A plain table counts
            only where no other layout fits.

    Raises:
        UserError: there is no such folder, no layout or several fit, or nothing in it could be read.
    """
    from pipelines.data.question_datasets.easy_vqa import installed

    return read_layout(QUESTION_DATASETS, installed(root), name, "questions")
