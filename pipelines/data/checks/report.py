"""What all checks of a data set have in common: images that are opened and compared, and a report in plain lines."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from captioner.images.decode import ImageError, ImageSpec, decode_image, read_bytes
from pipelines.data.examples import SPLITS, CaptionExample, DataSet, Problem

# Decoding at a small size finds the same damage (the whole file is read) and leaves little to resize.
_SMALL = ImageSpec(height=16, width=16, preprocessing="raw")


@dataclass(frozen=True)
class SameImages:
    """Images that are the same file byte for byte; across splits this is leakage."""

    ids: tuple[str, ...]
    splits: tuple[str, ...]

    @property
    def leaks(self) -> bool:
        return len(set(self.splits)) > 1

    def __str__(self) -> str:
        listed = ", ".join(f"{name} ({split})" for name, split in zip(self.ids, self.splits, strict=True))
        return f"the same picture: {listed}" + ("; it leaks from one split into another" if self.leaks else "")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found. A subclass writes `rows`, the table of the splits with its header first, and `details`, the
    lines below it.

    Attributes:
        splits: split -> what it holds.
        tokenizer: its name.
        tokenizer_hint: a sentence that names a tokenizer that fits better; empty where it fits.
        vocabulary_size: words of the training split.
        problems: those of the reader, and the images that cannot be read.
        images_opened: whether images were opened and compared.
    """

    dataset: DataSet
    splits: dict[str, Any]
    tokenizer: str
    tokenizer_hint: str
    vocabulary_size: int
    problems: tuple[Problem, ...]
    same_images: tuple[SameImages, ...]
    images_opened: bool

    suffix: ClassVar[str] = ""  # of the first line
    without_train: ClassVar[str] = "no vocabulary"

    @property
    def leaks(self) -> tuple[SameImages, ...]:
        return tuple(same for same in self.same_images if same.leaks)

    @property
    def sound(self) -> bool:
        """Whether nothing at all was found."""
        return not self.problems and not self.same_images

    def lines(self) -> Iterator[str]:
        """The report as plain lines; a problem is one line that starts with its file and line."""
        dataset = self.dataset
        yield f"{dataset.name} in {dataset.root}{self.suffix}"
        yield from filter(None, (dataset.licence, *dataset.notes))
        yield ""
        yield from _aligned(self.rows())
        if "train" not in self.splits:
            yield f"There is no train split ({' and '.join(SPLITS[1:])} are only for scoring): {self.without_train}."
        yield ""
        yield from self.details()
        yield from filter(None, (self.tokenizer_hint,))
        if not self.images_opened:
            yield "Images were not opened: damaged and repeated ones were not looked for."
        if self.problems:
            yield f"\n{count(len(self.problems), 'problem')}:"
            yield from map(str, self.problems)
        if self.same_images:
            yield f"\n{count(len(self.same_images), 'repeated image')}, {len(self.leaks):,} across splits:"
            yield from map(str, self.same_images)
        if self.sound:
            yield "\nNothing is missing, unreadable or there twice."


def word_counts(texts: Sequence[Sequence[str]]) -> tuple[int, int, int, int]:
    """Words of a text at least, in the middle (median), at the 95th percentile and at most."""
    lengths = [len(words) for words in texts] or [0]
    return tuple(np.percentile(lengths, [0, 50, 95, 100], method="nearest").tolist())


def word_counts_text(lengths: tuple[int, int, int, int]) -> str:
    least, median, high, most = lengths
    return f"{least}-{most}, median {median}, 95% up to {high}"


def open_all(
    dataset: DataSet, progress: Callable[[int], object] | None
) -> tuple[tuple[Problem, ...], tuple[SameImages, ...]]:
    """The images that cannot be read and the groups of images that are the same bytes, in order."""
    splits = {example.image: (_image_id(example), example.split) for example in dataset.examples}
    problems, same = [], {}
    # Decoding and hashing give up the interpreter's lock, so threads are enough.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for image, (digest, reason) in zip(splits, pool.map(_open, splits), strict=True):
            if reason:
                problems.append(Problem(image, None, reason))
            if digest:
                same.setdefault(digest, []).append(splits[image])
            if progress:
                progress(1)
    repeated = (zip(*group, strict=True) for group in same.values() if len(group) > 1)
    return tuple(problems), tuple(SameImages(*map(tuple, pair)) for pair in repeated)


def _image_id(example) -> str:
    """The id of an example's image: that of a question has the question's number behind it."""
    return example.id if isinstance(example, CaptionExample) else example.id.rpartition("#")[0]


def _open(image: Path) -> tuple[bytes | None, str | None]:
    """A digest of the file's bytes and why it cannot be read, either of them None."""
    digest = None
    try:
        data = read_bytes(image)
        digest = hashlib.sha256(data).digest()
        decode_image(data, _SMALL, name=str(image))
    except ImageError as error:
        return digest, error.reason
    return digest, None


def _aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Columns of one width each, names to the left and numbers to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *numbers, last in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells, last]).rstrip()


def count(number: int, thing: str) -> str:
    """`3 problems`, `1 problem`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
