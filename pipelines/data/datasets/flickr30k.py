"""Flickr30k: 31,783 photographs with five captions each (Young, Lai, Hodosh and Hockenmaier, 2014).

Captions come from `results_20130124.token` (`image.jpg#0<tab>caption`) or from `results.csv`
(`image.jpg| 0| caption`). Splits come from lists of images, one a line with or without ".jpg": `train.txt`,
`val.txt` (or `dev.txt`) and `test.txt`; images that no list names are not used. Without any list the images
are split by a hash of their names (`pipelines.data.datasets.splits.hashed_splits`, one thirty-second each for dev
and test: about 1,000 images, as in the published splits, but not the same ones).
"""

import re
from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.flickr_files import add_token_file, first_file
from pipelines.data.datasets.splits import SplitLists
from pipelines.data.datasets.text import read_lines, shown
from pipelines.data.examples import DataSet

EXPECTS = (
    "results_20130124.token, or results.csv with image_name| comment_number| comment; train.txt, val.txt and "
    "test.txt where you have them; images in flickr30k_images/ or images/"
)
LICENCE = "Flickr30k: photographs of Flickr users, for non-commercial research and education only"
IMAGE_FOLDERS = (
    "flickr30k-images",
    "flickr30k_images",
    "flickr30k_images/flickr30k_images",
    "images",
    "Images",
    ".",
)
_TEXT_FOLDERS = (".", "flickr30k", "flickr30k_images", "text", "annotations")
_TOKENS = ("results_20130124.token",)
_CSV = ("results.csv",)
_LISTS = {
    "train": ("train.txt", "flickr30k_train.txt", "Flickr_30k.trainImages.txt"),
    "dev": ("val.txt", "dev.txt", "flickr30k_val.txt", "Flickr_30k.devImages.txt"),
    "test": ("test.txt", "flickr30k_test.txt", "Flickr_30k.testImages.txt"),
}
_SHARE = 1 / 32
_ROW = re.compile(r"(?P<name>[^|]+)\|\s*(?P<number>[0-9]{1,9})\s*\|(?P<caption>.*)")
# `2199200615.jpg| 4   A dog runs across the grass .`: the published file lacks the second bar in this row.
_ROW_WITHOUT_BAR = re.compile(r"(?P<name>[^|]+)\|\s*(?P<number>[0-9]{1,9})\s+(?P<caption>[^|]+)")


def recognise(root: Path) -> bool:
    """Whether `root` holds Flickr30k's captions."""
    if first_file(root, _TEXT_FOLDERS, _TOKENS):
        return True
    path = first_file(root, _TEXT_FOLDERS, _CSV)
    if path is None:
        return False
    with path.open("rb") as file:
        return b"|" in file.readline(10_000)


def read(root: Path) -> DataSet:
    """Reads Flickr30k from `root`.

    Raises:
        UserError: the captions cannot be read, or none of the images is there.
    """
    gathering = DatasetBuilder("flickr30k", root, IMAGE_FOLDERS)
    tokens = first_file(root, _TEXT_FOLDERS, _TOKENS)
    if tokens:
        add_token_file(gathering, tokens)
    else:
        _add_bars(gathering, first_file(root, _TEXT_FOLDERS, _CSV) or root / _CSV[0])
    lists = {split: first_file(root, _TEXT_FOLDERS, names) for split, names in _LISTS.items()}
    lists = {split: path for split, path in lists.items() if path}
    if lists:
        gathering.use_lists(SplitLists(lists), name_of=lambda name: name if "." in name else f"{name}.jpg")
    else:
        gathering.use_hash(_SHARE)
    return gathering.finish(LICENCE)


def _add_bars(gathering: DatasetBuilder, path: Path):
    """Adds the rows of `results.csv`, in which quotation marks are just characters."""
    for line, text in read_lines(path):
        match = _ROW.fullmatch(text)
        if match is None:
            if line == 1 and text.startswith("image_name"):
                continue
            match = _ROW_WITHOUT_BAR.fullmatch(text)
            if match is None:
                expected = "image.jpg| 0| caption"
                gathering.problem(path, line, f"expected {expected}, got {shown(text)}; the row was left out")
                continue
            gathering.problem(path, line, "a | is missing after the caption's number; the row was read without it")
        gathering.add(match["name"], match["caption"], path, line, number=int(match["number"]))
