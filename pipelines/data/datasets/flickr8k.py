"""Flickr8k: about 8,000 photographs with five captions each (Hodosh, Young and Hockenmaier, 2013).

Captions come from `Flickr8k.token.txt` (`image.jpg#0<tab>caption`) or from a CSV `captions.txt` or `captions.csv` with
the columns `image,caption`. Splits come from `Flickr_8k.trainImages.txt`, `Flickr_8k.devImages.txt` and
`Flickr_8k.testImages.txt`; any of them may be missing, and images that no list names are not used. Without any list the
images are split by a hash of their names (`pipelines.data.datasets.splits.hashed_splits`, one eighth each for dev and
test, which is about as many as the published lists have).
"""

from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.flickr_files import FlickrFiles
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
    if _FILES.find(root, _FILES.tokens, "captions.txt"):
        return True
    return bool(_FILES.find(root, "captions.csv") and _FILES.find_lists(root))


def read(root: Path) -> DataSet:
    """Reads Flickr8k from `root`.

    Raises:
        UserError: the captions cannot be read, or none of the images is there.
    """
    builder = DatasetBuilder("flickr8k", root, IMAGE_FOLDERS)
    _FILES.add_to(builder, _add_table)
    return builder.finish(LICENCE)


def _add_table(builder: DatasetBuilder, path: Path) -> None:
    # The five captions of an image are of five people, and have no numbers here.
    add_table(builder, path, keep_repeats=True)
