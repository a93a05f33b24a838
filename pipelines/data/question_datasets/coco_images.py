"""What the files of COCO's images are called, for data sets that name them by number."""

from collections.abc import Iterable

from pipelines.data.question_datasets.builder import QuestionDatasetBuilder

ENDINGS = ("jpg", "png", "jpeg", "webp", "gif", "bmp")  # of images, which are named without
_DIGITS = 12  # of an image's number in the name of its file
SPLITS = ("train2014", "val2014", "test2015", "train2017", "val2017", "test2017")
FOLDERS = (*SPLITS, *(f"{above}/{split}" for above in ("images", "images/mscoco") for split in SPLITS), "images", ".")


class CocoImages:
    """The names of images by their numbers: `COCO_train2014_000000000009.jpg`, or `000000000009.jpg` since 2017.

    Args:
        builder: looks the files up.
        splits: whose names may be a part of a file's, the likeliest first; an empty one for none, which may always be.
        prefix: before them.
    """

    def __init__(self, builder: QuestionDatasetBuilder, splits: Iterable[str] = SPLITS, prefix: str = "COCO"):
        self.builder = builder
        self.prefixes = [f"{prefix}_{split}_" if split else "" for split in dict.fromkeys((*splits, ""))]
        self._names: dict[str, str] = {}

    def name(self, number: str) -> str:
        """The name of the file; the likeliest one where none is there."""
        if number not in self._names:
            padded = number.zfill(_DIGITS) if number.isascii() and number.isdigit() else number
            stems = (f"{first}{text}" for text in dict.fromkeys((padded, number)) for first in self.prefixes)
            files = [f"{stem}.{kind}" for stem in stems for kind in ENDINGS]
            self._names[number] = self.builder.first_found(files)
        return self._names[number]
