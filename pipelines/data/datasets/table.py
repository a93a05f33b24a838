"""Your own captions: a plain table with the columns `image` and `caption`, and `split` if you like.

The table is `captions.csv`, `captions.tsv` or `captions.jsonl`, or the only file of these kinds in the folder, or one
file a split (`train.csv`, `val.csv`, `test.csv`). `image` is a path relative to the folder or to its `images/`; an
image with several captions has several rows (or a list of captions, in csv and tsv as programs print one). Without
splits the images are split by a hash of their names: about 10 % each are dev and test
(`pipelines.data.datasets.splits.hashed_splits`). The table itself may be given in place of its folder.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from captioner.text.scripts import is_unspaced
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.rows import csv_rows, find_tables, folder_of, is_jsonl, json_rows, named_split, read_tables
from pipelines.data.datasets.values import field_captions, field_values, value_text
from pipelines.data.examples import DataSet, Id, Location

EXPECTS = (
    "captions.csv, captions.tsv or captions.jsonl with image and caption (and split); images beside it or in images/"
)
IMAGE_FOLDERS = (".", "images")
_CAPTION = re.compile(r"captions?|caption_\d+|sentences|reference_strs")
_FEWEST_TOKENS = 3  # in a list of single words, from which on it is taken for one caption in pieces


def recognise(root: Path) -> bool:
    """Whether there is any csv, tsv or jsonl file in `root`; what is wrong with it, `read` says better."""
    return bool(find_tables(root))


def read(root: Path) -> DataSet:
    """Reads the table in `root`, or the table `root`; errors are those of `read_tables`."""
    return read_tables(
        DatasetBuilder("table", folder_of(root), IMAGE_FOLDERS), find_tables(root), "captions", add_table
    )


def add_table(builder: DatasetBuilder, path: Path, split: str | None = None, keep_repeats: bool = False) -> bool:
    """Adds the captions of a table; returns whether anything says the splits.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    rows = list(_json(builder, path) if is_jsonl(path) else csv_rows(builder, path, ("image", "caption")))
    with_split = any("split" in row for _, row in rows)
    for line, row in rows:
        location = Location(path, line)
        of_row = named_split(builder, row["image"], row.get("split"), location) if with_split else split
        if with_split and of_row is None:
            continue
        for caption in _captions(builder, row["caption"], location):
            builder.add(row["image"], caption, location, split=of_row, keep_repeats=keep_repeats)
    return split is not None or with_split


def caption_columns(names: Iterable[str]) -> list[str]:
    """Those of the names of columns, in lower case, that stand for captions.

    >>> caption_columns(["image", "caption_0", "text"]), caption_columns(["image", "text", "label"])
    (['caption_0'], ['text'])
    """
    names = list(names)
    return [name for name in names if _CAPTION.fullmatch(name)] or [name for name in names if name == "text"]


def add_captions(
    builder: DatasetBuilder,
    image: str,
    fields: Mapping[str, object],
    location: Location,
    split: str | None,
    source_id: Id | None = None,
) -> None:
    """Adds the captions of one image in the fields of a row, some of which may be empty, as where people wrote few.

    Captions in different columns, or at different places of a list, are of different people. Of an object with a text
    `raw`, as in Karpathy's files, that text is the caption.
    """
    captions = [
        (f"{column}[{index}]", caption)
        for column, value in fields.items()
        for index, caption in enumerate(_captions(builder, value, location))
    ]
    if not captions and not any(fields.values()):
        builder.unexpected(location, "a caption", fields, "the row was left out")
    some = any(caption.strip() for _, caption in captions)
    for number, caption in captions:
        if caption.strip() or not some:
            builder.add(image, caption, location, number=number, split=split, source_id=source_id)


def _captions(builder: DatasetBuilder, value: object, location: Location) -> list[str]:
    """The captions of a field; what is none, such as a list of a caption's words, is reported."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(inner, dict) for inner in values):
        value = values = [inner.get("raw", inner) if isinstance(inner, dict) else inner for inner in values]
    nested = [inner for inner in values if isinstance(inner, list | dict)]
    for inner in nested:
        builder.unexpected(location, "each caption as one text", inner)
    if is_list_of_tokens(field_values(value)):
        expected = "captions, and not a list of the words of one (join them with blanks)"
        builder.unexpected(location, expected, value, "the row was left out")
        return []
    if not nested:
        return field_captions(value)
    return field_captions([inner for inner in values if not isinstance(inner, list | dict)])


def is_list_of_tokens(values: Sequence) -> bool:
    """Whether what stands for captions of an image looks like the words of one.

    >>> is_list_of_tokens(["a", "dog", "runs", "."]), is_list_of_tokens(["a dog", "dog", "dog", "dog"])
    (True, False)
    """
    return len(values) >= _FEWEST_TOKENS and all(map(_is_token, values))


def _is_token(value: object) -> bool:
    return isinstance(value, str) and len(value.split()) == 1 and not is_unspaced(value)


def _json(builder: DatasetBuilder, path: Path) -> Iterator[tuple[int, dict]]:
    for line, row in json_rows(builder, path):
        image, captions = value_text(row.get("image")), row.get("caption", row.get("captions"))
        if image is not None and captions not in (None, []) and not isinstance(captions, dict):
            yield line, {**row, "image": image, "caption": captions}
        else:
            location = Location(path, line)
            builder.unexpected(location, "an image and a caption", row, "the row was left out")
