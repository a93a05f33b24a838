"""COCO captions: `captions_train2014.json` and the like (Lin et al., 2014; Chen et al., 2015).

Annotation files are in `annotations/` or in the folder itself, images in `train2014/`, `val2014/` (or 2017,
or `images/train2014/`, or all in `images/`). `captions_val*.json` is the split dev. Where both years are
there, the newer one is read whose images are there too: 2017 deals out the images of 2014 in another way.
"""

import re
import reprlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.finder import existing_folders
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.text import read_json, truncate
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Id, Location, canonical_split

EXPECTS = "annotations/captions_train2014.json and captions_val2014.json, or 2017; images in train2014/, val2014/"
LICENCE = "COCO: annotations CC BY 4.0; the photographs are under the licences of their owners on Flickr"
_NAME = re.compile(r"captions_(?P<split>[a-zA-Z]\w*?)(?P<year>\d{4})?\.json")


def recognise(root: Path) -> bool:
    """Whether `root` holds a `captions_*.json`."""
    return bool(_files(root))


def read(root: Path) -> DataSet:
    """Reads COCO captions from `root`.

    Raises:
        UserError: a file is not JSON or has not COCO's form, or none of the images is there.
    """
    years = _files(root)
    if not years:
        raise UserError(f"There is no captions_*.json in {root} or {root / 'annotations'}.")
    year = next((year for year in sorted(years, reverse=True) if _has_images(root, years[year], year)), max(years))
    folders = [folder for split in years[year] for folder in _folders(split, year)]
    builder = DatasetBuilder("coco", root, [*folders, "images", "."])
    if len(years) > 1:
        builder.notes.append(f"Annotations of {', '.join(sorted(years))} are there; those of {year} were read.")
    for name, path in years[year].items():
        add_content(builder, path, read_json(path), canonical_split(name))
    return builder.finish(licence_of(root) or LICENCE)


def _files(root: Path) -> dict[str, dict[str, Path]]:
    """Year ("" if none) -> the split as its file names it -> the file; dev before train, see `read_split_lists`."""
    years = {}
    for folder in existing_folders(root, ("annotations", ".")):
        for path in sorted((root / folder).glob("captions_*.json"), reverse=True):
            match = _NAME.fullmatch(path.name)
            if match:
                years.setdefault(match["year"] or "", {}).setdefault(match["split"], path)
    return years


def _folders(split: str, year: str) -> tuple[str, ...]:
    return f"{split}{year}", f"images/{split}{year}", f"images/mscoco/{split}{year}"


def _has_images(root: Path, files: dict[str, Path], year: str) -> bool:
    return bool(existing_folders(root, (folder for split in files for folder in _folders(split, year))))


def add_content(
    builder: DatasetBuilder,
    path: Path,
    content: object,
    split: str,
    excluded: Counter[str] | None = None,
    reason: Callable[[dict], str] = lambda row: "",
) -> int:
    """Adds the captions of a file of COCO's form.

    Args:
        builder: of the data set.
        path: the file, for messages.
        content: what it holds.
        split: of its images.
        excluded: counts the captions that are left out, by the reason.
        reason: why a caption is to be left out; empty where it is not.

    Returns:
        How many images have no caption but such.

    Raises:
        UserError: it has not this form.
    """
    listed = content.get("images") if isinstance(content, dict) else None
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not isinstance(annotations, list):
        raise UserError(f"{path} is not a COCO caption file: it needs the lists `images` and `annotations`.")
    images: dict[str, tuple[str, Id]] = {}  # id as text -> name, and the id as it came
    for index, image in enumerate(listed):
        location = Location(path, part=f"images[{index}]")
        image = image if isinstance(image, dict) else {}
        name, own = value_text(image.get("file_name")), as_id(image.get("id"))
        image_id = value_text(own)  # 42 in one list may be "42" in the other
        if name is None or own is None:
            builder.problem(location, f"expected a file_name and an id, got {reprlib.repr(image)}")
        elif image_id in images:
            builder.problem(location, f"the id {truncate(image_id)} is there already; left out")
        else:
            images[image_id] = name, own
    captioned, without = set(), set()
    for index, row in enumerate(annotations):
        location = Location(path, part=f"annotations[{index}]")
        row = row if isinstance(row, dict) else {}
        image_id, caption = value_text(as_id(row.get("image_id"))), value_text(row.get("caption"))
        if caption is None or image_id is None:
            builder.unexpected(location, "an image_id and a caption", row)
        elif image_id not in images:
            text = f"there is no image with the id {truncate(image_id)} in `images`; left out"
            builder.problem(location, text)
        elif excluded is not None and (why := reason(row)):
            excluded[why] += 1
            without.add(image_id)
        else:
            captioned.add(image_id)
            name, own = images[image_id]
            number = as_id(row.get("id"))
            number = index if number is None else number
            builder.add(name, caption, location, number=number, split=split, source_id=own)
    for image_id, (name, _) in images.items():
        if image_id not in captioned and image_id not in without:
            text = f"the image {truncate(name)} (id {truncate(image_id)}) has no caption"
            builder.problem(Location(path), text)
    return len(without - captioned)
