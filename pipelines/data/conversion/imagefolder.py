"""Hugging Face's imagefolder: images in a folder a split, and `metadata.jsonl` beside them."""

import json
from pathlib import Path

from captioner.files import atomic_file, atomic_write, flush_files, make_folder
from pipelines.data.conversion.content import Content, ImageItem, ImageReader, Names
from pipelines.data.examples import SPLITS, Problem

FLUSHED = 1_000  # files at once


def write(folder: Path, content: Content, images: ImageReader) -> None:
    """Writes images and metadata.

    Questions without an answer are left out, as rows without one are no examples in this layout.
    """
    folders = content.folders()
    in_root = not set(content.splits) <= set(SPLITS)  # only rows can say another split
    rows: list[dict] = []
    for split, name in folders.items():
        beside = [] if not in_root else rows
        items = [item for item in content.splits[split] if _has_rows(item, content, images)]
        if not items:
            continue
        for item, path in write_images(folder / name, items, images):
            first: dict = {"file_name": f"{name}/{path}" if in_root else path}
            if item.own_id is not None:
                first["image_id"] = item.own_id
            if content.names_splits:
                first["split"] = split
            beside += [{**first, **fields} for fields in _fields(item, content, images)]
        if not in_root:
            _write_rows(folder / name / "metadata.jsonl", beside)
    if in_root:
        _write_rows(folder / "metadata.jsonl", rows)


def write_images(folder: Path, items: list[ImageItem], images: ImageReader):
    """Writes images into a folder; `(image, its path in there)` of each."""
    names, unflushed, made = Names(), [], set()
    for item, stem, ending, data in images.read(items):
        path = names.unique(stem, ending)
        target = folder / path
        if target.parent not in made:
            make_folder(target.parent)
            made.add(target.parent)
        with atomic_file(target, flush=False) as file:
            file.write(data)
        unflushed.append(target)
        if len(unflushed) >= FLUSHED:
            flush_files(unflushed)
            unflushed = []
        yield item, path
    flush_files(unflushed)


def _has_rows(item: ImageItem, content: Content, images: ImageReader) -> bool:
    """Whether anything can be said about an image; questions without an answer are reported."""
    if not content.questions:
        return True
    for example in item.examples:
        if not example.answers:
            text = f"{example.question!r} has no answer, which imagefolder cannot say; left out"
            images.problems.append(Problem(item.image, None, text))
    return any(example.answers for example in item.examples)


def _fields(item: ImageItem, content: Content, images: ImageReader) -> list[dict]:
    if not content.questions:
        return [content.caption_fields(item)]
    rows, asked = [], set()
    for number, example in enumerate(item.examples):
        if not example.answers:
            images.examples -= 1
            continue
        own_id = example.source_id
        if (example.question, own_id) in asked:  # rows that are alike are answers of several people
            own_id = f"{own_id}#{number}"
        asked.add((example.question, own_id))
        fields = {"id": own_id, "question": example.question, "answers": list(example.answers)}
        fields |= {"choices": list(example.choices), "type": example.type, "answer_type": example.answer_type}
        rows.append({name: value for name, value in fields.items() if value not in ("", [])})
    return rows


def _write_rows(path: Path, rows: list[dict]) -> None:
    make_folder(path.parent)
    atomic_write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
