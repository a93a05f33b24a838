"""Looks a data set over before anybody trains on it: sizes, words, and everything that is wrong with it.

`check` counts, opens every image and compares them; `CheckReport.lines` says it in plain lines, which is what
`captioner check DATA` prints. Questions are looked over by `pipelines.data.checks.questions`.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from captioner.images.decode import ImageError, ImageSpec, decode_image, read_bytes
from captioner.text.tokenizers import Tokenizer, get_tokenizer
from pipelines.data.examples import SPLITS, CaptionExample, DataSet, Problem

# Decoding at a small size finds the same damage (the whole file is read) and leaves little to resize.
_SMALL = ImageSpec(height=16, width=16, preprocessing="raw")


@dataclass(frozen=True)
class SplitReport:
    """What one split holds.

    `lengths` are the words of a caption at least, in the middle (median), at the 95th percentile and at most;
    `unknown_rate` is the share of its words that the vocabulary of the training split does not have.
    """

    images: int
    captions: int
    words: int
    distinct_words: int
    unknown_rate: float
    lengths: tuple[int, int, int, int]


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


@dataclass(frozen=True)
class CheckReport:
    """What `check` found. `problems` are those of the reader and the images that cannot be read."""

    dataset: DataSet
    splits: dict[str, SplitReport]
    tokenizer: str
    minimum_count: int
    vocabulary_size: int
    problems: tuple[Problem, ...]
    same_images: tuple[SameImages, ...]
    images_opened: bool

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
        yield f"{dataset.name} in {dataset.root}"
        yield from filter(None, (dataset.licence, *dataset.notes))
        yield ""
        yield from _table(self.splits)
        yield ""
        yield (
            f"Vocabulary: {count(self.vocabulary_size, 'word')} that train holds at least "
            f"{count(self.minimum_count, 'time')} ({self.tokenizer} tokenizer); `unknown` is the share of "
            "words outside it."
        )
        yield from fault_lines(self.problems, self.same_images, self.images_opened)


def check(
    dataset: DataSet,
    tokenizer: str | Tokenizer = "ptb",
    minimum_count: int = 1,
    open_images: bool = True,
    progress: Callable[[int], object] | None = None,
) -> CheckReport:
    """Looks over a data set of captions.

    Args:
        dataset: what a reader gave.
        tokenizer: one, or its name.
        minimum_count: how often a word must occur in the training captions to be in the vocabulary.
        open_images: whether to decode every image and to compare the files; some 1,000 images a second and
            core.
        progress: called with 1 after each image that was opened.
    """
    tokenizer = get_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
    captions: dict[str, list[list[str]]] = {split: [] for split in dataset.splits()}
    for example in dataset.examples:
        captions[example.split] += map(tokenizer.tokenize, example.captions)
    counts = {split: Counter(word for words in found for word in words) for split, found in captions.items()}
    vocabulary = {word for word, count in counts.get("train", {}).items() if count >= minimum_count}
    unreadable, same = open_all(dataset, progress) if open_images else ([], [])
    return CheckReport(
        dataset=dataset,
        splits={
            split: _split_report(images, captions[split], counts[split], vocabulary)
            for split, images in dataset.splits().items()
        },
        tokenizer=tokenizer.name,
        minimum_count=minimum_count,
        vocabulary_size=len(vocabulary),
        problems=(*dataset.problems, *unreadable),
        same_images=tuple(same),
        images_opened=open_images,
    )


def _split_report(images: int, captions: list[list[str]], counts: Counter, vocabulary: set) -> SplitReport:
    words = counts.total()
    known = sum(count for word, count in counts.items() if word in vocabulary)
    lengths = np.array([len(caption) for caption in captions] or [0])
    return SplitReport(
        images=images,
        captions=len(captions),
        words=words,
        distinct_words=len(counts),
        unknown_rate=1 - known / words if words else 0.0,
        lengths=tuple(int(length) for length in np.percentile(lengths, [0, 50, 95, 100], method="nearest")),
    )


def fault_lines(problems: Sequence[Problem], same_images: Sequence[SameImages], opened: bool) -> Iterator[str]:
    """What is wrong, as plain lines; that nothing is, where nothing is."""
    if not opened:
        yield "Images were not opened: damaged and repeated ones were not looked for."
    if problems:
        yield f"\n{count(len(problems), 'problem')}:"
        yield from map(str, problems)
    if same_images:
        leaks = sum(same.leaks for same in same_images)
        yield f"\n{count(len(same_images), 'repeated image')}, {leaks:,} across splits:"
        yield from map(str, same_images)
    if not problems and not same_images:
        yield "\nNothing is missing, unreadable or there twice."


def open_all(dataset: DataSet, progress: Callable[[int], object] | None) -> tuple[list, list]:
    """The images that cannot be read and the groups of images that are the same bytes, in order."""
    splits = {example.image: (_name(example), example.split) for example in dataset.examples}
    problems, same = [], {}
    # Decoding and hashing give up the interpreter's lock, so threads are enough.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for image, (digest, reason) in zip(splits, pool.map(_look_at, splits), strict=True):
            if reason:
                problems.append(Problem(image, None, reason))
            if digest:
                same.setdefault(digest, []).append(splits[image])
            if progress:
                progress(1)
    repeated = (zip(*group, strict=True) for group in same.values() if len(group) > 1)
    return problems, [SameImages(*map(tuple, pair)) for pair in repeated]


def _name(example) -> str:
    """The name of an example's image: a question has a number of its own behind it."""
    return example.id if isinstance(example, CaptionExample) else example.id.rpartition("#")[0]


def _look_at(image: Path) -> tuple[bytes | None, str | None]:
    """A digest of the file's bytes and why it cannot be read, either of them None."""
    digest = None
    try:
        data = read_bytes(image)
        digest = hashlib.sha256(data).digest()
        decode_image(data, _SMALL, name=str(image))
    except ImageError as error:
        return digest, error.reason
    return digest, None


def _table(splits: dict[str, SplitReport]) -> Iterator[str]:
    header = ("split", "images", "captions", "words", "distinct", "unknown", "words a caption")
    rows = [
        (
            split,
            f"{report.images:,}",
            f"{report.captions:,}",
            f"{report.words:,}",
            f"{report.distinct_words:,}",
            f"{report.unknown_rate:.2%}",
            "{}-{}, median {}, 95% up to {}".format(*(report.lengths[i] for i in (0, 3, 1, 2))),
        )
        for split, report in splits.items()
    ]
    yield from aligned([header, *rows])
    if "train" not in splits:
        yield f"There is no train split ({' and '.join(SPLITS[1:])} are only for scoring): no vocabulary."


def aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Columns of one width each, names to the left and numbers to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *numbers, last in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells, last]).rstrip()


def count(number: int, thing: str) -> str:
    """`3 problems`, `1 problem`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
