"""Flickr30k: 31,783 photographs with five captions each (Young, Lai, Hodosh and Hockenmaier, 2014).

Captions come from `results_20130124.token` (`image.jpg#0<tab>caption`), from `results.csv` (`image.jpg| 0| caption`) or
from a table with the columns `image_name,comment_number,comment`, such as Kaggle's `captions.txt`. Splits come from
lists of images, one a line with or without ".jpg": `train.txt`, `val.txt` (or `dev.txt`) and `test.txt`; images that no
list names are not used. Without any list the images are split by a hash of their names
(`pipelines.data.datasets.splits.hashed_splits`, one thirty-second each for dev and test: about 1,000 images, as in the
published splits, but not the same ones).
"""

import re
from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.flickr_files import FlickrFiles
from pipelines.data.datasets.rows import csv_rows, header_of
from pipelines.data.datasets.text import read_lines, truncate
from pipelines.data.examples import DataSet, Location

EXPECTS = (
    "results_20130124.token, or results.csv or captions.txt with image_name, comment_number and comment; train.txt, "
    "val.txt and test.txt where you have them; images in flickr30k_images/ or images/"
)
LICENCE = "Flickr30k: photographs of Flickr users, for non-commercial research and education only"
IMAGE_FOLDERS = ("flickr30k-images", "flickr30k_images", "flickr30k_images/flickr30k_images", "images", ".")
_FILES = FlickrFiles(
    folders=(".", "flickr30k", "flickr30k_images", "text", "annotations"),
    tokens="results_20130124.token",
    tables=("results.csv", "captions.txt", "captions.csv"),
    lists={
        "train": ("train.txt", "flickr30k_train.txt", "Flickr_30k.trainImages.txt"),
        "dev": ("val.txt", "dev.txt", "flickr30k_val.txt", "Flickr_30k.devImages.txt"),
        "test": ("test.txt", "flickr30k_test.txt", "Flickr_30k.testImages.txt"),
    },
    share=1 / 32,
)
_ROW = re.compile(r"(?P<name>[^|]+)\|\s*(?P<number>[0-9]{1,9})\s*\|(?P<caption>.*)")
# `2199200615.jpg| 4   A dog runs across the grass .`: the published file lacks the second bar in this row.
_ROW_WITHOUT_BAR = re.compile(r"(?P<name>[^|]+)\|\s*(?P<number>[0-9]{1,9})\s+(?P<caption>[^|]+)")

_SHIFTED = re.compile(r"([0-9]{1,9})\s+(\S.*)")  # what became of that row in tables that were made from the file


def recognise(root: Path) -> bool:
    """Whether `root` holds Flickr30k's captions."""
    if _FILES.find(root, _FILES.tokens):
        return True
    paths = filter(None, (_FILES.find(root, name) for name in _FILES.tables))
    return any(_has_numbers(path) or (path.name == _FILES.tables[0] and _has_bars(path)) for path in paths)


def read(root: Path) -> DataSet:
    """Reads Flickr30k from `root`.

    Raises:
        UserError: the captions cannot be read, or none of the images is there.
    """
    builder = DatasetBuilder("flickr30k", root, IMAGE_FOLDERS)
    _FILES.add_to(builder, _add_table, name_of=lambda name: name if "." in name else f"{name}.jpg")
    return builder.finish(LICENCE)


def _has_bars(path: Path) -> bool:
    with path.open("rb") as file:
        return b"|" in file.readline(10_000)


def _has_numbers(path: Path) -> bool:
    return "comment_number" in header_of(path)


def _add_table(builder: DatasetBuilder, path: Path) -> None:
    if not _has_numbers(path):
        return _add_bars(builder, path)
    for line, row in csv_rows(builder, path, ("image_name", "comment_number", "comment")):
        location, number, caption = Location(path, line), row["comment_number"].strip(), row["comment"]
        shifted = None if caption.strip() else _SHIFTED.fullmatch(number)
        if shifted:
            number, caption = shifted.groups()
            builder.problem(location, "the caption is in the column of its number; it was read from there")
        builder.add(row["image_name"], caption, location, number=number)
    return None


def _add_bars(builder: DatasetBuilder, path: Path) -> None:
    """Adds the rows of `results.csv`, in which quotation marks are just characters."""
    for line, text in read_lines(path):
        location, match = Location(path, line), _ROW.fullmatch(text)
        if match is None:
            if line == 1 and text.startswith("image_name"):
                continue
            match = _ROW_WITHOUT_BAR.fullmatch(text)
            if match is None:
                text = f"expected image.jpg| 0| caption, got {truncate(text)}; the row was left out"
                builder.problem(location, text)
                continue
            builder.problem(location, "a | is missing after the caption's number; the row was read without it")
        builder.add(match["name"], match["caption"], location, number=int(match["number"]))
