"""Captions and references made by anything: COCO's JSON files, tables, and what this program writes.

    predictions   [{"image_id": 42, "caption": "a dog"}]; a table with `image` and `caption`
    references    COCO annotations {"images": [...], "annotations": [...]}; {"42": ["a dog", ...]}; a table
                  with several rows an image; or the folder of a data set

A caption without words is a caption, and scored as one, in whatever kind of file it stands; an image that has none
because it could not be read (its row says so in `error`) is counted and left out. A reference without words is none.

How the names of images in the two are matched: `pipelines.evaluation.matching`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.rows import lowered, with_lowered
from pipelines.data.datasets.text import NOT_TEXT, is_text, parse_json, read_json, read_lines, read_records, truncate
from pipelines.data.datasets.values import as_id, column_ids, field_captions, value_text
from pipelines.data.examples import Id
from pipelines.utils.tables import read_parquet, unguarded

_IMAGE = ("image", "image_id", "file_name", "filename", "id")
_TYPELESS = (".csv", ".tsv", ".txt")
_CAPTION = ("caption", "captions", "comment", "references", "text")


def read_predictions(path: Path) -> tuple[dict[str, str], int]:
    """`(image -> caption, lines without a caption)`.

    Raises:
        UserError: the file cannot be read, or an image has two captions.
    """
    predictions: dict[str, str] = {}
    skipped, typeless = 0, Path(path).suffix.lower() in _TYPELESS
    for location, id, captions in _rows(Path(path)):
        if not captions:
            skipped += 1
            continue
        if typeless and captions[0].startswith("["):  # a program may have printed a list into the cell
            captions = field_captions(captions[0]) or captions
        image = value_text(id)
        if image in predictions or len(captions) > 1:
            raise UserError(
                f"{location}: the image {truncate(image)} has several captions; one caption an image can be scored."
            )
        predictions[image] = captions[0]
    if not predictions:
        raise UserError(f"{path} holds no captions.")
    return predictions, skipped


@dataclass(frozen=True)
class ReferenceFile:
    """What a file of references, or a data set, says of its images.

    captions: image -> references.
    others: other name of an image -> the images that have it.
    ids: image -> its id as it came, for files of results.
    """

    captions: dict[str, tuple[str, ...]]
    others: dict[str, tuple[str, ...]]
    ids: dict[str, Id]


def read_references(path: Path, split: str | None = None) -> ReferenceFile:
    """The references of images.

    Args:
        path: a file, or the folder of a data set.
        split: which split of a data set; all of it by default.

    Raises:
        UserError: the file cannot be read, or holds no references.
    """
    path = Path(path)
    references: dict[str, list[str]] = {}
    others: dict[str, dict[str, None]] = {}
    ids: dict[str, Id] = {}
    if path.is_dir():
        from pipelines.data.datasets import read_dataset

        dataset = read_dataset(path)
        for example in dataset.split(split) if split else dataset.examples:
            references.setdefault(example.id, []).extend(example.captions)
            ids[example.id] = example.source_id
            if example.source_id != "":
                others.setdefault(value_text(example.source_id), {})[example.id] = None
    else:
        content = read_json(path, distinct=True) if path.suffix.lower() == ".json" else None
        if isinstance(content, dict) and isinstance(content.get("images"), list):
            for image in content["images"]:
                image = image if isinstance(image, dict) else {}
                name, own = value_text(image.get("file_name")), as_id(image.get("id"))
                if own is None:
                    continue
                ids.setdefault(value_text(own), own)
                if name is not None:
                    others.setdefault(name, {})[value_text(own)] = None
        for _, id, captions in _rows(path, content):
            image = value_text(id)
            listed = (text for caption in captions for text in field_captions(caption))
            references.setdefault(image, []).extend(filter(str.strip, listed))
            ids.setdefault(image, id)
        if path.suffix.lower() in _TYPELESS:
            ids = dict(zip(ids, column_ids(list(ids)), strict=True))
    references = {image: captions for image, captions in references.items() if captions}
    if not references:
        raise UserError(f"{path} holds no references.")
    return ReferenceFile(
        {image: tuple(captions) for image, captions in references.items()},
        {name: tuple(images) for name, images in others.items()},
        ids,
    )


def _rows(path: Path, content=None) -> Iterator[tuple[str, Id, list[str]]]:
    """`(location in the file, id of the image, captions)`."""
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    for location, record in _records(path, content):
        yield (location, *_image_and_captions(location, record))


def _records(path: Path, content) -> Iterator[tuple[str, object]]:
    """`(location, record)`: a dict where the file is as it should be."""
    kind = path.suffix.lower()
    if kind == ".json":
        entries = _json_entries(path, read_json(path, distinct=True) if content is None else content)
        yield from ((f"{path}, entry {number}", entry) for number, entry in enumerate(entries, start=1))
    elif kind == ".jsonl":
        for line, text in read_lines(path):
            yield f"{path}:{line}", parse_json(text, f"{path}:{line}")
    elif kind in _TYPELESS:
        yield from _table_records(path)
    elif kind == ".parquet":
        for number, record in enumerate(read_parquet(path), start=1):
            yield f"{path}, row {number}", {name: "" if value is None else value for name, value in record.items()}
    else:
        raise UserError(f"{path}: a file that ends in .json, .jsonl, .csv, .tsv or .parquet was expected.")


def _json_entries(path: Path, content) -> list:
    if isinstance(content, dict) and "annotations" in content:
        content = content["annotations"]
    if isinstance(content, dict):
        ids = column_ids(list(content))
        return [{"image": id, "caption": caption} for id, caption in zip(ids, content.values(), strict=True)]
    if not isinstance(content, list):
        expected = '[{"image_id": 42, "caption": "a dog"}, ...]'
        raise UserError(f"{path}: expected {expected}, got {truncate(repr(content))}.")
    return content


def _image_and_captions(location: str, record) -> tuple[Id, list[str]]:
    """`(id of the image, captions)`; no captions where the record says why there are none."""
    if isinstance(record, dict):
        record = with_lowered(record)
        image = as_id(next((record[name] for name in _IMAGE if name in record), None))
        captions = next((record[name] for name in _CAPTION if name in record), None)
        if captions is None and "error" in record:  # as it stands where a table was made into JSON
            captions = ""
        if image is not None and _is_blank(captions) and not _is_blank(record.get("error") or ""):
            return image, []
        captions = captions if isinstance(captions, list) else [captions]
        texts = [text for text in map(value_text, captions) if text is not None]
        if image is not None and (texts or not captions):
            if not all(map(is_text, (str(image), *texts))):
                raise UserError(f"{location}: {NOT_TEXT}.")
            return image, texts
    raise UserError(f"{location}: expected an image and a caption, got {truncate(repr(record))}.")


def _table_records(path: Path) -> Iterator[tuple[str, dict]]:
    header = next((text for _, text in read_lines(path)), "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=header.count)
    records = read_records(path, delimiter)
    line, header = next(records, (1, []))
    columns = lowered(header)
    if not {*_IMAGE} & {*columns} or not {*_CAPTION} & {*columns}:
        header_text = ", ".join(columns) or "nothing that reads as a header"
        raise UserError(f"{path}:{line}: columns `image` and `caption` were expected, not: {header_text}.")
    for line, fields in records:
        if isinstance(fields, str):
            raise UserError(f"{path}:{line}: this row cannot be read: {fields}.")
        if len(fields) != len(columns):
            raise UserError(f"{path}:{line}: this row has not the {len(columns)} fields that the first row names.")
        # From behind, so that of two columns with one name the first counts.
        yield f"{path}:{line}", dict(zip(columns[::-1], map(unguarded, fields[::-1]), strict=True))


def _is_blank(value) -> bool:
    return isinstance(value, str) and not value.strip()
