"""Karpathy's splits of COCO, Flickr8k and Flickr30k: `dataset_*.json` (Karpathy and Fei-Fei, 2015).

One file names images, captions and splits; most published COCO scores are on its test split. `restval` (the images of
COCO's validation set that are in neither dev nor test) joins train, as is usual. Captions are the `raw` sentences.
"""

from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets import flickr8k, flickr30k
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.text import read_json_list, truncate
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location, canonical_split

EXPECTS = "one dataset_*.json; images in images/, or in the folders that the file names (train2014/, val2014/)"
LICENCE = "see the data set that the images come from; the splits are Karpathy's"
IMAGE_FOLDERS = tuple(dict.fromkeys(("images", *flickr8k.IMAGE_FOLDERS, *flickr30k.IMAGE_FOLDERS)))


def recognise(root: Path) -> bool:
    """Whether `root` holds a `dataset_*.json`."""
    return bool(_files(root))


def read(root: Path) -> DataSet:
    """Reads the `dataset_*.json` of `root`.

    Raises:
        UserError: there is none or more than one, it has not the right form, or none of the images is there.
    """
    files = _files(root)
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise UserError(f"{root} must hold one dataset_*.json, but it holds: {names}. Keep one in a folder.")
    builder = DatasetBuilder("karpathy", root, IMAGE_FOLDERS)
    for index, image in enumerate(read_json_list(files[0], "images", "Karpathy's splits")):
        _add(builder, Location(files[0], part=f"images[{index}]"), image)
    return builder.finish(LICENCE)


def _files(root: Path) -> list[Path]:
    files = (path for path in root.glob("dataset_*.json") if path.is_file())
    return sorted(path for path in files if not path.name.startswith("dataset_v7w"))  # Visual7W: questions


def _add(builder: DatasetBuilder, location: Location, image: object):
    """Adds one entry of `images`: `filename`, `filepath` (a folder, COCO only), `split`, `sentences`."""
    image = image if isinstance(image, dict) else {}
    name, folder, split = image.get("filename"), image.get("filepath", ""), image.get("split")
    sentences = image.get("sentences", [])
    if not all(isinstance(text, str) for text in (name, folder, split)) or not isinstance(sentences, list):
        return builder.unexpected(location, "filename, split and sentences", image)
    if not sentences:
        return builder.problem(location, f"{truncate(name)} has no caption")
    source = as_id(image.get("cocoid", image.get("imgid")))
    inside = f"{folder}/{name}" if folder else name
    name = inside if builder.find(inside) is not None or builder.find(name) is None else name
    split = canonical_split(split)
    split = "train" if split.lower() == "restval" else split
    for number, sentence in enumerate(sentences):
        caption = value_text(sentence.get("raw")) if isinstance(sentence, dict) else None
        inner = Location(location.path, part=f"{location.part}.sentences[{number}]")
        if caption is None:
            builder.unexpected(inner, "a `raw` text", sentence)
            continue
        # The number is the index in this list, so that an entry that is there twice counts once.
        builder.add(name, caption, inner, number=number, split=split, source_id=source)
    return None
