"""TextCaps: 28,408 images of Open Images, with captions that read the text in them (Sidorov et al., 2020).

`TextCaps_0.1_train.json` and the like hold `data`, a list with an entry a caption: `image_id`, `caption_str`, and in
`reference_strs` all five captions of the image, which are so named up to five times. Images of train and val are in
`train_images/`, as TextVQA has them. The captions of the test split are withheld.
"""

import re
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.finder import existing_folders
from pipelines.data.datasets.table import add_captions
from pipelines.data.datasets.text import read_json_list
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location, canonical_split

EXPECTS = "TextCaps_0.1_train.json, TextCaps_0.1_val.json; images in train_images/ (also those of val)"
LICENCE = "TextCaps: annotations CC BY 4.0; images of Open Images, CC BY 2.0 as their owners on Flickr have it"
_NAMES = ("train_images", "test_images", "train", "val", "test")
IMAGE_FOLDERS = (
    *_NAMES,
    *(f"{above}/{name}" for above in ("images", "train_val_images") for name in _NAMES),
    "images",
    ".",
)
_FILE = re.compile(r"TextCaps_(?P<version>[\d.]+)_(?P<split>train|val|test)\.json")
_ORDER = ("test", "val", "train")  # an image in several stays in the one that is scored on


def recognise(root: Path) -> bool:
    """Whether `root` holds a `TextCaps_*.json`."""
    return bool(_files(root))


def read(root: Path) -> DataSet:
    """Reads TextCaps from `root`.

    Raises:
        UserError: a file is not JSON or has not this form, or none of the images is there.
    """
    files = _files(root)
    if not files:
        raise UserError(f"There is no TextCaps_0.1_train.json or the like in {root} or {root / 'annotations'}.")
    builder = DatasetBuilder("textcaps", root, IMAGE_FOLDERS)
    for split in sorted(files, key=_ORDER.index):
        _add(builder, files[split], canonical_split(split))
    return builder.finish(LICENCE)


def _files(root: Path) -> dict[str, Path]:
    """Split -> its file; of several versions the newest."""
    files: dict[str, Path] = {}
    for folder in existing_folders(root, (".", "annotations")):
        for path in sorted((root / folder).glob("TextCaps_*.json"), reverse=True):
            match = _FILE.fullmatch(path.name)
            if match and path.is_file():
                files.setdefault(match["split"], path)
    return files


def _add(builder: DatasetBuilder, path: Path, split: str) -> None:
    rows = read_json_list(path, "data", "TextCaps")
    listed: dict[str, set[str]] = {}  # image -> its captions that a list of references held
    withheld = set()
    for index, row in enumerate(rows):
        location = Location(path, part=f"data[{index}]")
        row = row if isinstance(row, dict) else {}
        own = as_id(row.get("image_id"))
        image, caption, references = value_text(own), row.get("caption_str"), row.get("reference_strs")
        if image is None or not isinstance(references, list | None) or isinstance(caption, list | dict):
            builder.unexpected(location, "image_id, caption_str and reference_strs", row)
            continue
        if not {"caption_str", "reference_strs"} & set(row):
            withheld.add(image)
            continue
        name = builder.first_found(f"{text}.jpg" for text in (image, value_text(row.get("image_name")) or image))
        if references and image not in listed:
            listed[image] = {" ".join((value_text(reference) or "").split()) for reference in references}
            add_captions(builder, name, {"reference_strs": references}, location, split, own)
        text = " ".join((value_text(caption) or "").split())
        if not references or (caption is not None and (not text or text not in listed[image])):
            builder.add(name, text, location, number=index, split=split, source_id=own)
    if withheld:
        builder.notes.append(f"The captions of {path.name} are withheld: its images are not used ({len(withheld):,}).")
