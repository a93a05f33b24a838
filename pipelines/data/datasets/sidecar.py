"""Captions beside images: `photo.txt` or `photo.caption` with the caption of `photo.jpg`, at any depth.

So write kohya's trainer, TagGUI, img2dataset and `captioner caption --sidecar txt` (also `photo.jpg.txt`, where several
images are called `photo`). Each line that is not blank is a caption. Images in `train/`, `validation/` and `test/` are
in these splits; where there are no such folders they are split by a hash of their names.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from captioner.errors import UserError
from captioner.images.files import litter_kind, litter_line
from captioner.images.formats import decodable_extensions
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.rows import SHARE
from pipelines.data.datasets.splits import split_in_path
from pipelines.data.datasets.text import read_lines, truncate
from pipelines.data.examples import DataSet, Location

EXPECTS = "photo.txt or photo.caption beside photo.jpg, one caption a line; train/, validation/ and test/ if you like"
_KINDS = (".caption", ".txt")  # the first counts where both are there: many programs keep tags in the other
_ABOUT = ("readme", "license", "licence", "copying", "notice", "captions", "classes", "requirements")


def recognise(root: Path) -> bool:
    """Whether there is an image with a text of its name beside it."""
    return any(texts for _, _, names in _folders(root) for texts in _texts_of(names)[0].values())


def read(root: Path) -> DataSet:
    """Reads the captions beside the images of `root`.

    Raises:
        UserError: there is no such image.
    """
    builder = DatasetBuilder("sidecar", root, (".",))
    litter: Counter[str] = Counter()
    without, splits = 0, set()
    for folder, left_out, names in _folders(root):
        litter.update(left_out)
        texts, alone = _texts_of(names)
        for text in alone:
            builder.problem(
                Location(root / folder / text), "there is no image of this name beside it; its caption was left out"
            )
        read_for: dict[str, str] = {}
        for image, found in texts.items():
            if not found:
                without += 1
                continue
            path = root / folder / found[0]
            if len(found) > 1:
                builder.problem(Location(path), f"was read for {truncate(image)}, and {found[1]} was not")
            if path.name in read_for:
                text = f"is beside {truncate(read_for[path.name])} and {truncate(image)}; it was read for the first"
                builder.problem(Location(path), text)
                continue
            read_for[path.name] = image
            name = (Path(folder) / image).as_posix()
            splits.add(split_in_path(name))
            _add(builder, path, name)
    if without:
        builder.notes.append(f"Images without a caption beside them, which are not used: {without:,}.")
    builder.notes += filter(None, [litter_line(litter)])
    builder.use_folders(splits, SHARE)
    return builder.finish()


def _add(builder: DatasetBuilder, path: Path, image: str) -> None:
    """Adds the lines of a file as captions of an image."""
    try:
        lines = list(read_lines(path))
    except UserError as error:
        return builder.problem(Location(path), f"{error} The captions of {truncate(image)} were left out")
    if not lines:
        builder.problem(Location(path), f"the caption of {truncate(image)} is empty; left out")
    for line, caption in lines:
        builder.add(image, caption, Location(path, line), split=split_in_path(image))
    return None


def _folders(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """`(folder below the root, kinds of litter in it, names of its other files)`, in a fixed order."""
    for folder, folders, names in os.walk(root):
        litter = [litter_kind(f"{name}/") for name in folders] + [litter_kind(name) for name in names]
        folders[:] = sorted(name for name in folders if not litter_kind(f"{name}/"))
        kept = sorted(name for name in names if not litter_kind(name))
        yield os.path.relpath(folder, root), list(filter(None, litter)), kept


def _texts_of(names: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Image -> the texts that belong to it, the one to read first; and the texts that belong to none."""
    endings = decodable_extensions()
    images = [name for name in names if os.path.splitext(name)[1].lower() in endings]
    texts: dict[tuple[str, str], str] = {}  # name without ending, ending in lower case -> name
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending.lower() in _KINDS:
            texts.setdefault((stem, ending.lower()), name)
    found = {
        image: [
            texts[stem, kind]
            for stem in (image, os.path.splitext(image)[0])
            for kind in _KINDS
            if (stem, kind) in texts
        ]
        for image in images
    }
    used = {text for of_image in found.values() for text in of_image}
    alone = [text for text in texts.values() if images and text not in used]
    return found, [text for text in alone if os.path.splitext(text)[0].lower() not in _ABOUT]
