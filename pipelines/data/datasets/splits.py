"""Which image belongs to which split: by lists of image names, or by a hash where nobody says."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.text import is_text, read_lines, truncate
from pipelines.data.examples import SPLITS, DataSet, Location, ProblemList, canonical_split


def hashed_splits(names: Iterable[str], share: float = 0.1) -> dict[str, str]:
    """Splits images by their names alone: the same image goes to the same split everywhere and always.

    With u = (first 8 bytes of SHA-256 of the name in UTF-8) / 2^64: u < `share` is test, u < 2 x `share` is
    dev, the rest is train. So adding images moves none of those that were there. Only where that leaves a
    split empty, as in small data sets, the largest split gives it one image: the one with the smallest u to
    test or dev, with the largest u to train. One or two images are all for training.

    Args:
        names: image names; repeated names count once.
        share: of the images for dev, and as many for test.
    """
    order = sorted({name: _uniform(name) for name in names}.items(), key=lambda item: item[1])
    if len(order) < 3:
        return {name: "train" for name, _ in order}
    splits = {name: "test" if u < share else "dev" if u < 2 * share else "train" for name, u in order}
    for missing in ("train", "test", "dev"):
        counts = Counter(splits.values())
        if missing not in counts:
            largest = counts.most_common(1)[0][0]
            candidates = [name for name, _ in order if splits[name] == largest]
            splits[candidates[-1 if missing == "train" else 0]] = missing
    return splits


def set_aside(dataset: DataSet, share: float = 0.1, split: str = "dev") -> DataSet:
    """The data set with some of its training images set aside for development, where it has no such split.

    Those with the smallest u go (see `hashed_splits`; here of the file's name without folder and ending), one at
    least: the same images everywhere and always, with all that belongs to them. Other splits stay as
    they are, and a data set that has the split is returned unchanged.

    Args:
        dataset: of captions or of questions.
        share: of the training images, rounded.
        split: what the new split is called.
    """
    images = {example.image for example in dataset.examples if example.split == "train"}
    if split in dataset.splits() or len(images) < 2:
        return dataset
    order = sorted(images, key=lambda image: (_uniform(image.stem), image))
    aside = set(order[: max(1, round(share * len(images)))])
    examples = tuple(
        replace(example, split=split) if example.split == "train" and example.image in aside else example
        for example in dataset.examples
    )
    note = f"There is no split {split}: {len(aside):,} of {len(images):,} training images were set aside as such."
    return replace(dataset, examples=examples, notes=(*dataset.notes, note))


def split_of_folder(name: str) -> str | None:
    """The split that a folder's name stands for; None where it stands for none.

    >>> split_of_folder("Validation"), split_of_folder("photos")
    ('dev', None)
    """
    split = canonical_split(name)
    return split if split in SPLITS else None


def split_in_path(name: str) -> str | None:
    """The split of an image that lies in a folder of that name, as in `train/0001.jpg`."""
    first, slash, _ = name.partition("/")
    return split_of_folder(first) if slash else None


def split_folders(root: Path) -> list[tuple[Path, str]]:
    """The folders of `root` that stand for splits: test first, see `read_split_lists`."""
    folders = ((path, split_of_folder(path.name)) for path in sorted(root.iterdir()) if path.is_dir())
    return sorted(((path, split) for path, split in folders if split), key=lambda item: _evaluation_first(item[1]))


def _uniform(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


def read_split_lists(lists: Mapping[str, Path], problems: ProblemList) -> dict[str, tuple[str, Location]]:
    """Name of an image -> its split, and the line that says so, from text files that name an image a line.

    Args:
        lists: split -> file. An image in several lists stays in test rather than dev, and in dev rather than train:
            what is scored on must not be trained on, and published test sets stay whole.
        problems: takes files that cannot be read, and lines that are no text or repeat others.
    """
    splits: dict[str, tuple[str, Location]] = {}
    for split in sorted(lists, key=_evaluation_first):
        try:
            lines = list(read_lines(lists[split]))
        except UserError as error:
            problems.problem(Location(lists[split]), str(error))
            continue
        for line, text in lines:
            name, location = text.strip(), Location(lists[split], line)
            if not is_text(name):
                problems.problem(location, f"{truncate(name)} is not UTF-8 text")
            elif name not in splits:
                splits[name] = (split, location)
            else:
                kept, first = splits[name]
                text = f"repeats line {first.line}"
                if kept != split:
                    text = f"is in {kept} as well ({first.path.name}:{first.line}); it stays in {kept} only"
                problems.problem(location, f"{truncate(name)} {text}")
    return splits


def _evaluation_first(split: str) -> tuple[int, str]:
    order = ("test", "dev", "train")
    return (order.index(split) if split in order else 0, split)
