"""Your own captions: a plain table with the columns `image` and `caption`, and `split` if you like.

The table is `captions.csv`, `captions.tsv` or `captions.jsonl`, or the only file of these kinds in the
folder, or one file a split (`train.csv`, `val.csv`, `test.csv`). `image` is a path relative to the folder
or to its `images/`; an image with several captions has several rows (or, in jsonl, a list of captions).
Without splits the images are split by a hash of their names: about 10 % each are dev and test
(`pipelines.data.datasets.splits.hashed_splits`).
"""

import reprlib
from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.rows import choose_tables, csv_rows, find_tables, is_jsonl, json_rows, told_split
from pipelines.data.examples import DataSet

EXPECTS = (
    "captions.csv, captions.tsv or captions.jsonl with image and caption (and split); images beside it or in images/"
)
IMAGE_FOLDERS = (".", "images", "Images")
SHARE = 0.1  # of the images for dev, and as many for test, where nothing says the splits


def recognise(root: Path) -> bool:
    """Whether there is any csv, tsv or jsonl file in `root`; what is wrong with it, `read` says better."""
    return bool(find_tables(root))


def read(root: Path) -> DataSet:
    """Reads the table in `root`.

    Raises:
        UserError: there is no table or several, a column is missing, or none of the images is there.
    """
    gathering = DatasetBuilder("table", root, IMAGE_FOLDERS)
    files = choose_tables(root, find_tables(root), "captions")
    told = [(add_jsonl if is_jsonl(path) else add_csv)(gathering, path, split) for split, path in files]
    if not any(told):
        gathering.use_hash(SHARE)
    return gathering.finish()


def add_csv(gathering: DatasetBuilder, path: Path, split: str | None = None, keep_repeats: bool = False) -> bool:
    """Adds the rows of a delimited file with a header; returns whether anything says the splits.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    told = split is not None
    for line, row in csv_rows(gathering, path, ("image", "caption")):
        if "split" in row:
            told = True
            _add_with_split(gathering, row["image"], row["caption"], row["split"], path, line)
        else:
            gathering.add(row["image"], row["caption"], path, line, split=split, keep_repeats=keep_repeats)
    return told


def add_jsonl(gathering: DatasetBuilder, path: Path, split: str | None = None) -> bool:
    """Adds the objects of a file with one JSON object a line; returns whether anything says the splits."""
    rows = list(json_rows(gathering, path))
    with_split = any("split" in row for _, row in rows)
    for line, row in rows:
        captions = row.get("caption", row.get("captions"))
        captions = captions if isinstance(captions, list) else [captions]
        if not isinstance(row.get("image"), str) or not all(isinstance(caption, str) for caption in captions):
            text = f"expected an image and a caption, both text, got {reprlib.repr(row)}; the row was left out"
            gathering.problem(path, line, text)
            continue
        for caption in captions:
            if with_split:
                _add_with_split(gathering, row["image"], caption, row.get("split"), path, line)
            else:
                gathering.add(row["image"], caption, path, line, split=split)
    return split is not None or with_split


def _add_with_split(gathering: DatasetBuilder, image: str, caption: str, split: object, path: Path, line: int):
    split = told_split(gathering, image, split, path, line)
    if split is not None:
        gathering.add(image, caption, path, line, split=split)
