"""easy-VQA: 5,000 small drawn pictures with one shape each and 48,248 questions (Zhou, 2019).

`train/questions.json` and `test/questions.json` hold rows `[question, answer, number of the picture]`, pictures are
`train/images/0.png` and so on. The folder may be the one that holds `train` and `test`, or the package's own
(`easy_vqa/data`). There is no development split.
"""

import importlib.util
import re
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.text import read_json
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import DataSet, Location, canonical_split
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder

EXPECTS = "train/questions.json and test/questions.json with images/ beside them, or the package easy-vqa"
LICENCE = "easy-VQA: MIT licence (Victor Zhou)"
NAMES = ("easy-vqa", "easy_vqa")
_FOLDERS = (".", "data", "easy_vqa/data")
_SPLITS = ("test", "train")


def installed(root: Path | str) -> Path:
    """The folder that `root` stands for: where it is none but the package's name, that of the package.

    Raises:
        UserError: the package is named, but it is not installed.
    """
    if str(root) not in NAMES or Path(root).exists():
        return Path(root)
    spec = importlib.util.find_spec("easy_vqa")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"There is no folder {root}, and the package is not installed: pip install easy-vqa")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def recognise(root: Path) -> bool:
    return _folder(root) is not None


def read(root: Path) -> DataSet:
    """Reads easy-VQA from `root`.

    Raises:
        UserError: a file is not JSON or has not this form, or none of the pictures is there.
    """
    folder = _folder(root)
    if folder is None:
        raise UserError(f"{root} is not easy-VQA: it needs {EXPECTS}.")
    builder = QuestionDatasetBuilder("easy-vqa", root, (".",))
    for split in _SPLITS:
        path = root / folder / split / "questions.json"
        if path.is_file():
            _add(builder, path, f"{folder}/{split}/images", canonical_split(split))
    return builder.finish(LICENCE)


def _folder(root: Path) -> str | None:
    for folder in _FOLDERS:
        if any((root / folder / split / "questions.json").is_file() for split in _SPLITS):
            return folder
    return None


def _add(builder: QuestionDatasetBuilder, path: Path, images: str, split: str):
    rows = read_json(path)
    if not isinstance(rows, list):
        raise UserError(f"{path} is not a file of easy-VQA: it needs a list of [question, answer, image].")
    for index, row in enumerate(rows):
        location = Location(path, part=f"[{index}]")
        question, answer, image = map(value_text, row if isinstance(row, list) and len(row) == 3 else [None] * 3)
        if question is None or answer is None or image is None or not re.fullmatch(r"[0-9]+", image):
            builder.unexpected(location, "[question, answer, number of the image]", row)
            continue
        asked = AnnotatedQuestion(question, [answer], type=question_type(question), source_id=f"{split}/{index}")
        builder.add_question(f"{images}/{image}.png", asked, location, split)


def question_type(question: str) -> str:
    """`colour`, `shape` or `yes/no`, by the question alone.

    >>> [question_type(q) for q in ("what color is the shape?", "what is the red shape?", "is there a teal shape?")]
    ['colour', 'shape', 'yes/no']
    """
    if not question.lower().startswith("what"):
        return "yes/no"
    return "colour" if "color" in question.lower() else "shape"
