"""Visual7W, the telling questions: 139,868 on 28,653 COCO images of Visual Genome (Zhu et al., 2016).

`dataset_v7w_telling.json` holds `images[].{filename, split, qa_pairs[].{question, answer, multiple_choices}}`, where
`multiple_choices` are the three wrong ones. What, where, when, who, why or how is the question's type. Choices come
in an order that says nothing about which is right.
"""

import hashlib
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.text import read_json_list
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location, canonical_split
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder

EXPECTS = "dataset_v7w_telling.json; images (v7w_*.jpg) in images/"
LICENCE = "Visual7W: images of Visual Genome and COCO, under the licences of their owners on Flickr"
IMAGE_FOLDERS = ("images", "visual7w_images", ".")
_FILES = ("dataset_v7w_telling.json", "dataset_v7w_telling/dataset_v7w_telling.json")


def recognise(root: Path) -> bool:
    return _file(root) is not None


def read(root: Path) -> DataSet:
    """Reads Visual7W from `root`.

    Raises:
        UserError: the file is not there, is not JSON or has not this form, or none of the images is there.
    """
    path = _file(root)
    if path is None:
        raise UserError(f"There is no {_FILES[0]} in {root}.")
    builder = QuestionDatasetBuilder("visual7w", root, IMAGE_FOLDERS)
    for index, image in enumerate(read_json_list(path, "images", "Visual7W")):
        image = image if isinstance(image, dict) else {}
        name, split, pairs = image.get("filename"), image.get("split"), image.get("qa_pairs")
        if not isinstance(name, str) or not isinstance(split, str) or not isinstance(pairs, list):
            builder.unexpected(Location(path, part=f"images[{index}]"), "filename, split and qa_pairs", image)
            continue
        for number, pair in enumerate(pairs):
            location = Location(path, part=f"images[{index}].qa_pairs[{number}]")
            _add(builder, location, name, canonical_split(split), pair)
    return builder.finish(LICENCE)


def _file(root: Path) -> Path | None:
    return next((root / name for name in _FILES if (root / name).is_file()), None)


def _add(builder: QuestionDatasetBuilder, location: Location, name: str, split: str, pair: object):
    pair = pair if isinstance(pair, dict) else {}
    question, answer = value_text(pair.get("question")), value_text(pair.get("answer"))
    wrong = [] if pair.get("multiple_choices") is None else pair["multiple_choices"]
    if question is None or answer is None or not isinstance(wrong, list):
        return builder.unexpected(location, "question, answer and multiple_choices", pair)
    seed = value_text(as_id(pair.get("qa_id"))) or location.part
    choices = sorted([answer, *wrong], key=lambda choice: _digest(f"{seed}/{choice}")) if wrong else None
    asked = AnnotatedQuestion(question, [answer], choices, type=_type(pair, question), source_id=pair.get("qa_id"))
    return builder.add_question(name, asked, location, split)


def _type(pair: dict, question: str) -> str:
    """The question's first word, as the data set has it too."""
    kind = pair.get("type")
    return kind if isinstance(kind, str) and kind else (question.lower().split() or [""])[0]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
