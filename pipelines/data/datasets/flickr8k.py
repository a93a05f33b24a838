"""Flickr8k: about 8,000 photographs with five captions each (Hodosh, Young and Hockenmaier, 2013).

Captions come from `Flickr8k.token.txt` (`image.jpg#0<tab>caption`) or from a CSV `captions.txt` or
`captions.csv` with the columns `image,caption`. Splits come from `Flickr_8k.trainImages.txt`,
`Flickr_8k.devImages.txt` and `Flickr_8k.testImages.txt`; any of them may be missing, and images that no
list names are not used. Without any list the images are split by a hash of their names
(`pipelines.data.datasets.splits.hashed_splits`, one eighth each for dev and test, which is about as many as the
published lists have).
"""

from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.flickr_files import add_token_file, first_file
from pipelines.data.datasets.splits import SplitLists
from pipelines.data.datasets.table import add_csv
from pipelines.data.examples import DataSet

EXPECTS = (
    "Flickr8k.token.txt, or captions.txt or captions.csv with image,caption; Flickr_8k.trainImages.txt "
    "and the like; images in images/, Images/ or Flicker8k_Dataset/"
)
LICENCE = "Flickr8k: photographs of Flickr users, for non-commercial research and education only"
IMAGE_FOLDERS = (
    "images",
    "Images",
    "Flicker8k_Dataset",  # the published archive spells it so
    "Flickr8k_Dataset",
    "Flicker8k_Dataset/Flicker8k_Dataset",
    "Flickr8k_Dataset/Flicker8k_Dataset",
    "Flickr8k_Dataset/Flickr8k_Dataset",
    "Flickr_Data/Images",
    ".",
)
_TEXT_FOLDERS = (".", "Flickr8k_text", "Flickr8k_Text", "Flickr_Data/Flickr_TextData", "text", "annotations")
_TOKENS = ("Flickr8k.token.txt",)
_CSV = ("captions.txt", "captions.csv")
_SHARE = 1 / 8


def recognise(root: Path) -> bool:
    """Whether `root` holds Flickr8k. `captions.csv` alone could be any table, so it needs a split list
    beside it."""
    if first_file(root, _TEXT_FOLDERS, _TOKENS) or first_file(root, _TEXT_FOLDERS, _CSV[:1]):
        return True
    return bool(first_file(root, _TEXT_FOLDERS, _CSV[1:]) and _lists(root))


def read(root: Path) -> DataSet:
    """Reads Flickr8k from `root`.

    Raises:
        UserError: the captions cannot be read, or none of the images is there.
    """
    gathering = DatasetBuilder("flickr8k", root, IMAGE_FOLDERS)
    tokens = first_file(root, _TEXT_FOLDERS, _TOKENS)
    if tokens:
        add_token_file(gathering, tokens)
    else:
        path = first_file(root, _TEXT_FOLDERS, _CSV) or root / _CSV[0]
        # The five captions of an image are of five people, and have no numbers here.
        add_csv(gathering, path, keep_repeats=True)
    lists = _lists(root)
    if lists:
        gathering.use_lists(SplitLists(lists))
    else:
        gathering.use_hash(_SHARE)
    return gathering.finish(LICENCE)


def _lists(root: Path) -> dict[str, Path]:
    found = {s: first_file(root, _TEXT_FOLDERS, (f"Flickr_8k.{s}Images.txt",)) for s in ("train", "dev", "test")}
    return {split: path for split, path in found.items() if path}
