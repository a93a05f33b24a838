"""Visual7W, the telling questions: 139,868 on 28,653 COCO images of Visual Genome (Zhu et al., 2016).

`dataset_v7w_telling.json` holds `images[].{filename, split, qa_pairs[].{question, answer, multiple_choices}}`, where
`multiple_choices` are the three wrong ones. What, where, when, who, why or how is the question's type. Choices come
in an order that says nothing about which is right.
"""

import hashlib
import reprlib
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.text import read_json
from pipelines.data.examples import DataSet, canonical_split
from pipelines.data.question_datasets.builder import Asked, QuestionDatasetBuilder

EXPECTS = "dataset_v7w_telling.json; images (v7w_*.jpg) in images/"
LICENCE = "Visual7W: images of Visual Genome and COCO, under the licences of their owners on Flickr"
IMAGE_FOLDERS = ("images", "visual7w_images", ".")
TYPES = ("what", "where", "when", "who", "why", "how")
_PLACES = ("dataset_v7w_telling.json", "dataset_v7w_telling/dataset_v7w_telling.json")


def recognise(root: Path) -> bool:
    return _file(root) is not None


def read(root: Path) -> DataSet:
    """Reads Visual7W from `root`.

    Raises:
        UserError: the file is not there, is not JSON or has not this form, or none of the images is there.
    """
    path = _file(root)
    if path is None:
        raise UserError(f"There is no {_PLACES[0]} in {root}.")
    content = read_json(path)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise UserError(f"{path} is not a file of Visual7W: it needs a list `images`.")
    gathering = QuestionDatasetBuilder("visual7w", root, IMAGE_FOLDERS)
    for index, image in enumerate(images):
        image = image if isinstance(image, dict) else {}
        name, split, pairs = image.get("filename"), image.get("split"), image.get("qa_pairs")
        if not isinstance(name, str) or not isinstance(split, str) or not isinstance(pairs, list):
            text = f"images[{index}]: expected filename, split and qa_pairs, got {reprlib.repr(image)}; left out"
            gathering.problem(path, None, text)
            continue
        for number, pair in enumerate(pairs):
            _add(gathering, path, f"images[{index}].qa_pairs[{number}]", name, canonical_split(split), pair)
    return gathering.finish(LICENCE)


def _file(root: Path) -> Path | None:
    return next((root / place for place in _PLACES if (root / place).is_file()), None)


def _add(gathering: QuestionDatasetBuilder, path: Path, where: str, name: str, split: str, pair: object):
    pair = pair if isinstance(pair, dict) else {}
    question, answer, wrong = pair.get("question"), pair.get("answer"), pair.get("multiple_choices")
    wrong = [] if wrong is None else wrong
    texts = [question, answer, *wrong] if isinstance(wrong, list) else [None]
    if not all(isinstance(text, str) for text in texts):
        text = f"{where}: expected question, answer and multiple_choices, got {reprlib.repr(pair)}; left out"
        return gathering.problem(path, None, text)
    number = pair.get("qa_id")
    source = str(number) if isinstance(number, int | str) else ""
    choices = sorted([answer, *wrong], key=lambda choice: _place(f"{source or where}/{choice}")) if wrong else None
    asked = Asked(question, [answer], choices, type=_type(pair, question), source_id=source)
    return gathering.ask(name, asked, path, None, split=split, where=where)


def _type(pair: dict, question: str) -> str:
    """The question's first word, as the data set has it too."""
    told = pair.get("type")
    return told if isinstance(told, str) and told else (question.lower().split() or [""])[0]


def _place(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
