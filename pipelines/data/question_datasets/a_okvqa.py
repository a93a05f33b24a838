"""A-OKVQA: 25,000 questions that take knowledge of the world, on COCO's images (Schwenk et al., 2022).

`aokvqa_v1p0_train.json` and the like are lists of `{image_id, question_id, question, choices, correct_choice_idx,
direct_answers, difficult_direct_answer, rationales}`. `direct_answers` are what ten people answered without the four
choices. A question is asked with its choices, and the right one is its answer, or, with `data.choices=false`, without
them, and the ten answers count (VQA accuracy). The type of a question says whether direct answers are fair to score:
the official evaluation of direct answers leaves out the difficult ones. The test split comes without answers.
"""

import re
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.finder import existing_folders
from pipelines.data.datasets.text import read_json
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location, canonical_split
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder
from pipelines.data.question_datasets.coco_images import FOLDERS, SPLITS, CocoImages

EXPECTS = (
    "aokvqa_v1p0_train.json, aokvqa_v1p0_val.json, aokvqa_v1p0_test.json; COCO's images in train2017/, val2017/ ..."
)
LICENCE = "A-OKVQA: annotations Apache 2.0; the photographs are under the licences of their owners on Flickr"
_FILE = re.compile(r"aokvqa_(?P<version>v\w+?)_(?P<split>train|val|test)\.json")
_ORDER = ("test", "val", "train")  # an image in several stays in the one that is scored on


def recognise(root: Path) -> bool:
    """Whether `root` holds an `aokvqa_*.json`."""
    return bool(_files(root))


def read(root: Path) -> DataSet:
    """Reads A-OKVQA from `root`.

    Raises:
        UserError: a file is not JSON or no list, or none of the images is there.
    """
    files = _files(root)
    if not files:
        raise UserError(f"There is no aokvqa_v1p0_train.json or the like in {root}.")
    builder = QuestionDatasetBuilder("a-okvqa", root, FOLDERS)
    images = CocoImages(builder, ("", *SPLITS))
    for split in sorted(files, key=_ORDER.index):
        _add(builder, images, files[split], canonical_split(split))
    return builder.finish(LICENCE)


def _files(root: Path) -> dict[str, Path]:
    """Split -> its file; of several versions the newest."""
    files: dict[str, Path] = {}
    for folder in existing_folders(root, (".", "annotations", "aokvqa")):
        for path in sorted((root / folder).glob("aokvqa_*.json"), reverse=True):
            match = _FILE.fullmatch(path.name)
            if match and path.is_file():
                files.setdefault(match["split"], path)
    return files


def _add(builder: QuestionDatasetBuilder, images: CocoImages, path: Path, split: str) -> None:
    rows = read_json(path)
    if not isinstance(rows, list):
        raise UserError(f"{path} is not a file of A-OKVQA: it needs a list of questions.")
    answered = [isinstance(row, dict) and bool({"direct_answers", "correct_choice_idx"} & set(row)) for row in rows]
    if rows and not any(answered):
        builder.notes.append(f"The answers of {path.name} are withheld: its questions are read without.")
    for index, row in enumerate(rows):
        location = Location(path, part=f"[{index}]")
        row = row if isinstance(row, dict) else {}
        question, image, choices = value_text(row.get("question")), value_text(as_id(row.get("image_id"))), None
        answers = row.get("direct_answers")
        if question is None or image is None or not isinstance(answers, list | None):
            builder.unexpected(location, "image_id, question, choices and direct_answers", row)
            continue
        if any(answered) and not answered[index]:
            builder.problem(location, "it has neither direct_answers nor correct_choice_idx; left out")
            continue
        choices, right = _choices(builder, location, row, any(answered))
        if answers is None and any(answered):
            answers = [] if right is None else [right]
        difficult = row.get("difficult_direct_answer")
        kind = "" if difficult is None else "difficult direct answer" if difficult is True else "direct answer"
        asked = AnnotatedQuestion(
            question, answers, choices, type=kind, source_id=row.get("question_id"), right_choice=right
        )
        builder.add_question(images.name(image), asked, location, split)


def _choices(
    builder: QuestionDatasetBuilder, location: Location, row: dict, answered: bool
) -> tuple[list | None, object]:
    """The choices, and the right one; none, and a problem, where nothing says which that is although it should."""
    choices, index = row.get("choices"), row.get("correct_choice_idx")
    if choices is None:
        return None, None
    if not isinstance(choices, list):
        builder.unexpected(location, "a list of choices", choices, "it is asked without")
        return None, None
    if not answered:
        return choices, None
    is_index = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(choices)
    if not is_index or not (value_text(choices[index]) or "").strip():
        expected = f"correct_choice_idx from 0 to {len(choices) - 1}"
        builder.unexpected(location, expected, index, "it is asked without choices")
        return None, None
    return choices, choices[index]
