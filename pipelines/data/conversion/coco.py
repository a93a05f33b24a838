"""COCO's captions (`captions_train.json`), and VQA v2's questions and annotations; images in `images/train/`.

Types of questions stand in the annotations: where answers are withheld, types are lost.
"""

import json
import posixpath
from pathlib import Path

from captioner.errors import UserError
from captioner.files import atomic_write, make_folder
from captioner.text.answers import agreed
from pipelines.data.conversion.content import Content, ImageItem, ImageReader
from pipelines.data.conversion.imagefolder import write_images
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import SPLITS, Problem, QuestionExample
from pipelines.data.question_datasets.coco_images import ENDINGS

_NAMES = {"train": "train", "dev": "val", "test": "test"}


def check(content: Content) -> None:
    """
    Raises:
        UserError: there is a split that the names of files cannot say.
    """
    others = [split for split in content.splits if split not in SPLITS]
    if others:
        raise UserError(
            f"COCO's files have the splits train, val and test, and there is {others[0]!r}. Choose another format: "
            "imagefolder, parquet or webdataset."
        )


def write(folder: Path, content: Content, images: ImageReader) -> None:
    """Writes images and annotations. Where not all images have an id of their own, they get numbers."""
    items = [item for split in content.splits.values() for item in split]
    keeps = all(item.own_id is not None for item in items)
    numbers = {id(item): item.own_id if keeps else number for number, item in enumerate(items, start=1)}
    caption_number = 0
    for split, split_items in content.splits.items():
        name = _NAMES[split]
        written = [
            (item, f"{name}/{path}")
            for item, path in write_images(make_folder(folder / "images" / name), split_items, images)
        ]
        if content.questions:
            _write_questions(folder, name, written, images)
            continue
        annotations = []
        for item, _ in written:
            for caption in item.examples[0].captions:
                caption_number += 1
                annotations.append({"image_id": numbers[id(item)], "id": caption_number, "caption": caption})
        listed = [{"id": numbers[id(item)], "file_name": path} for item, path in written]
        _write(folder / f"annotations/captions_{name}.json", images=listed, annotations=annotations)


def _write_questions(folder: Path, split: str, written: list[tuple[ImageItem, str]], images: ImageReader) -> None:
    """Writes the questions of a split. The id of an image is its path without ending: the reader finds it by that."""
    asked: list[tuple[str, QuestionExample]] = []
    for item, path in written:
        stem, ending = posixpath.splitext(path)
        if ending.removeprefix(".") in ENDINGS:
            asked += [(stem, example) for example in item.examples]
        else:
            problem = f"VQA's files name no image that ends in {ending}; its questions were left out"
            images.problems.append(Problem(item.image, None, problem))
            images.examples -= len(item.examples)
    ids = [value_text(example.source_id) or None for _, example in asked]
    keeps = None not in ids and len(set(ids)) == len(ids)
    numbers = [example.source_id if keeps else number for number, (_, example) in enumerate(asked, start=1)]
    questions = []
    for number, (image, example) in zip(numbers, asked, strict=True):
        question = {"image_id": image, "question": example.question, "question_id": number}
        questions.append(question | ({"multiple_choices": list(example.choices)} if example.choices else {}))
    _write(folder / f"v2_OpenEnded_images_{split}_questions.json", questions=questions)
    if not any(example.answers for _, example in asked):
        return
    annotations = [
        {
            "image_id": image,
            "question_id": number,
            "question_type": example.type,
            "answer_type": example.answer_type,
            "multiple_choice_answer": agreed(example.answers),
            "answers": [
                {"answer": answer, "answer_confidence": "yes", "answer_id": person}
                for person, answer in enumerate(example.answers, start=1)
            ],
        }
        for number, (image, example) in zip(numbers, asked, strict=True)
    ]
    _write(folder / f"v2_images_{split}_annotations.json", annotations=annotations)


def _write(path: Path, **lists: list) -> None:
    make_folder(path.parent)
    atomic_write(path, json.dumps({"info": {}, "licenses": [], **lists}, ensure_ascii=False))
