"""OK-VQA: 14,055 questions that take knowledge of the world, on COCO's images (Marino et al., 2019).

Its files are called as those of VQA v1 (`OpenEnded_mscoco_train2014_questions.json` ...) and have the same form. Of the
ten answers of a question (five people's, each twice) the official evaluation compares `answer`, a stemmed form, and so
it is read; version 1.0 has stems that are no words ("poni tail"), 1.1 has not. Types of questions are the kinds of
knowledge. `val` is the split dev, on which scores are published.
"""

from pathlib import Path

from captioner.errors import UserError
from pipelines.data.examples import DataSet
from pipelines.data.question_datasets import vqa

EXPECTS = "the files of OK-VQA, called as VQA v1's: OpenEnded_mscoco_train2014_questions.json ...; images as for VQA"
LICENCE = "OK-VQA: see okvqa.allenai.org; the photographs are under the licences of their owners on Flickr"
TYPES = {
    "one": "Vehicles and Transportation",
    "two": "Brands, Companies and Products",
    "three": "Objects, Material and Clothing",
    "four": "Sports and Recreation",
    "five": "Cooking and Food",
    "six": "Geography, History, Language and Culture",
    "seven": "People and Everyday life",
    "eight": "Plants and Animals",
    "nine": "Science and Technology",
    "ten": "Weather and Climate",
    "other": "Other",
}


def recognise(root: Path) -> bool:
    """Whether files called as VQA v1's are OK-VQA's by what they say."""
    return vqa.OK_VQA in vqa.find_versions(root)


def read(root: Path) -> DataSet:
    """Reads OK-VQA from `root`; errors are those of `vqa.read`."""
    versions = vqa.find_versions(root)
    if vqa.OK_VQA not in versions:
        raise UserError(f"There are no questions of OK-VQA with their annotations in {root}.")
    return vqa.read_version(root, "ok-vqa", versions[vqa.OK_VQA], LICENCE, types=TYPES)
