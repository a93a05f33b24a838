"""Flickr8k: about 8,000 photographs with five captions each (Hodosh, Young and Hockenmaier, 2013).

Captions come from `Flickr8k.token.txt` (`image.jpg#0<tab>caption`) or from a CSV `captions.txt` or `captions.csv` with
the columns `image,caption`. Splits come from `Flickr_8k.trainImages.txt`, `Flickr_8k.devImages.txt` and
`Flickr_8k.testImages.txt`; any of them may be missing, and images that no list names are not used. Without any list, as
in Kaggle's copy, the official split is known from hashes of the names (`flickr8k_split.csv`); images of other names
are split by a hash of these (`pipelines.data.datasets.splits.hashed_splits`, one eighth each for dev and test).
"""

import hashlib
from functools import cache
from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.flickr_files import FlickrFiles
from pipelines.data.datasets.rows import header_of
from pipelines.data.datasets.table import add_table
from pipelines.data.examples import DataSet

EXPECTS = (
    "Flickr8k.token.txt, or captions.txt or captions.csv with image,caption; Flickr_8k.trainImages.txt "
    "and the like; images in images/, Images/ or Flicker8k_Dataset/"
)
LICENCE = "Flickr8k: photographs of Flickr users, for non-commercial research and education only"
IMAGE_FOLDERS = (
    "images",
    "Flicker8k_Dataset",  # the published archive spells it so
    "Flickr8k_Dataset",
    "Flicker8k_Dataset/Flicker8k_Dataset",
    "Flickr8k_Dataset/Flicker8k_Dataset",
    "Flickr8k_Dataset/Flickr8k_Dataset",
    "Flickr_Data/Images",
    ".",
)
_FILES = FlickrFiles(
    folders=(".", "Flickr8k_text", "Flickr8k_Text", "Flickr_Data/Flickr_TextData", "text", "annotations"),
    tokens="Flickr8k.token.txt",
    tables=("captions.txt", "captions.csv"),
    lists={split: (f"Flickr_8k.{split}Images.txt",) for split in ("train", "dev", "test")},
    share=1 / 8,
)


def recognise(root: Path) -> bool:
    """Whether `root` holds Flickr8k. `captions.csv` alone could be any table, so it needs a split list beside it."""
    if _FILES.find(root, _FILES.tokens):
        return True
    if path := _FILES.find(root, "captions.txt"):
        return "comment_number" not in header_of(path)  # or it is Flickr30k's
    return bool(_FILES.find(root, "captions.csv") and _FILES.find_lists(root))


def read(root: Path) -> DataSet:
    """Reads Flickr8k from `root`.

    Raises:
        UserError: the captions cannot be read, or none of the images is there.
    """
    builder = DatasetBuilder("flickr8k", root, IMAGE_FOLDERS)
    _FILES.add_to(builder, _add_table, split_of=official_split)
    return builder.finish(LICENCE)


def official_split(name: str) -> str | None:
    """The split that the published lists put an image in; None where they do not name it.

    >>> official_split("1000268201_693b08cb0e.jpg"), official_split("photo.jpg")
    ('train', None)
    """
    return _official_splits().get(hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16])


@cache
def _official_splits() -> dict[str, str]:
    """First 16 hexadecimal digits of SHA-256 of an image's name -> its split."""
    lines = Path(__file__).with_name("flickr8k_split.csv").read_text(encoding="utf-8").splitlines()
    return dict(line.split(",") for line in lines[1:])


def _add_table(builder: DatasetBuilder, path: Path) -> None:
    # The five captions of an image are of five people, and have no numbers here.
    add_table(builder, path, keep_repeats=True)
