"""Counting n-grams of many captions at once: what BLEU, CIDEr and diversity start with.

Every n-gram gets a number, and counting is sorting and searching in arrays of numbers: several times as fast
as dictionaries of tuples, and the references of an image are counted once for any number of predictions.

Letters in shapes: N captions, I images, R references of all images, E different n-grams of all captions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Words = Sequence[str]
ORDERS = 4  # all metrics of captions look at 1- to 4-grams


class Numbering(dict):
    """A number for each n-gram, given out when it is first asked for.

    The key of a 1-gram is its word; that of a longer one is made of the number of its first n - 1 words and
    the number of its last: one integer, so that different n-grams never get the same number.

    Args:
        known: a numbering that is continued here. It is read, never written: what comes with a batch of
            predictions is forgotten with the batch.
    """

    def __init__(self, known: "Numbering | None" = None):
        super().__init__()
        self.known = known
        self.total = 0 if known is None else known.total

    def __missing__(self, key):
        number = self.known.find(key) if self.known is not None else None
        if number is None:
            number = self.total
            self.total += 1
        self[key] = number
        return number

    def find(self, key) -> int | None:
        """The number of `key` if it has one."""
        number = self.get(key)
        return self.known.find(key) if number is None and self.known is not None else number

    def continues(self, other: "Numbering") -> bool:
        """Whether what has a number in `other` has the same number here."""
        return self is other or (self.known is not None and self.known.continues(other))

    def of(self, ngram: Words) -> int:
        """The number of one n-gram."""
        number = self[ngram[0]]
        for word in ngram[1:]:
            number = self[number << 32 | self[word]]
        return number


@dataclass(frozen=True)
class NgramCounts:
    """Which n-grams the captions have, sorted by caption and number.

    Attributes:
        lengths: `(N,)` words of each caption.
        caption, ngram, order, count: `(E,)` caption `caption[e]` has the n-gram numbered `ngram[e]`, of n =
            `order[e]` + 1 words, `count[e]` times.
    """

    lengths: np.ndarray
    caption: np.ndarray
    ngram: np.ndarray
    order: np.ndarray
    count: np.ndarray

    def sum_by_order(self, values: np.ndarray) -> np.ndarray:
        """The sums `(N, 4)` of `values` `(E,)` over the n-grams of each caption and order."""
        positions = self.caption * ORDERS + self.order
        return np.bincount(positions, values, len(self.lengths) * ORDERS).reshape(-1, ORDERS)


def count_ngrams(captions: Sequence[Words], numbering: Numbering) -> NgramCounts:
    """The 1- to 4-grams of each caption, numbered by `numbering`."""
    lengths = np.array([len(words) for words in captions], dtype=np.int64)
    words = np.array([numbering[word] for words in captions for word in words], dtype=np.int64)
    caption = np.repeat(np.arange(len(captions)), lengths)
    left = np.cumsum(lengths)[caption] - np.arange(len(words))  # words from here to the end of the caption
    starting_here, numbered = words, [(caption, words)]
    for order in range(1, ORDERS):
        positions = np.flatnonzero(left > order)
        keys = starting_here[positions] << 32 | words[positions + order]
        numbers = np.array([numbering[key] for key in keys.tolist()], dtype=np.int64)
        starting_here = starting_here.copy()
        starting_here[positions] = numbers
        numbered.append((caption[positions], numbers))
    order_of = np.zeros(numbering.total, dtype=np.int64)
    for order, (_, numbers) in enumerate(numbered):
        order_of[numbers] = order
    together = np.concatenate([captions_of * numbering.total + numbers for captions_of, numbers in numbered])
    entries, count = np.unique(together, return_counts=True)
    captions_of, ngram = np.divmod(entries, max(1, numbering.total))
    return NgramCounts(lengths, captions_of, ngram, order_of[ngram], count)


class References:
    """The references of a set of images, counted once.

    Args:
        references: for each image the words of its references, one at least.
        numbering: the numbering to use; a new one if None.

    Attributes:
        words: the references.
        counts: `NgramCounts` of all R references, image by image.
        first: `(I + 1,)` the references of image i are those from `first[i]` up to `first[i + 1]`.
    """

    def __init__(self, references: Sequence[Sequence[Words]], numbering: Numbering | None = None):
        self.words = references
        numbers = np.array([len(of_image) for of_image in references], dtype=np.int64)
        if not numbers.all():
            raise ValueError(f"Image number {int(np.argmin(numbers))} has no reference; each needs one at least.")
        self.first = np.concatenate([[0], np.cumsum(numbers)])
        self.numbering = Numbering() if numbering is None else numbering
        self.counts = count_ngrams([words for of_image in references for words in of_image], self.numbering)
        self._size = self.numbering.total
        # A last entry that equals nothing lets every search end inside the table.
        self._table = np.append(self.counts.caption * self._size + self.counts.ngram, -1)
        self._count = np.append(self.counts.count, 0)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, image: int) -> Sequence[Words]:
        return self.words[image]

    def count(self, predictions: Sequence[Words]) -> NgramCounts:
        """The n-grams of predictions, numbered as those of the references."""
        return count_ngrams(predictions, Numbering(self.numbering))

    def shared(self, counts: NgramCounts, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where predictions share an n-gram with a reference of their image.

        Args:
            counts: what `count` gave for the predictions.
            images: `(N,)` the image of each prediction.

        Returns:
            `(entry, reference, count)`, each `(matches,)`: entry e of `counts` stands `count` times in
            `reference`.
        """
        known = np.flatnonzero(counts.ngram < self._size)
        of_image = images[counts.caption[known]]
        entry, reference = _repeat_ranges(self.first[of_image], self.first[of_image + 1])
        entry = known[entry]
        wanted = reference * self._size + counts.ngram[entry]
        positions = np.searchsorted(self._table[:-1], wanted)
        shared = np.flatnonzero(self._table[positions] == wanted)
        return entry[shared], reference[shared], self._count[positions[shared]]


def _repeat_ranges(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Writes out ranges: which range, and the number in it.

    >>> [array.tolist() for array in _repeat_ranges(np.array([5, 0]), np.array([7, 3]))]
    [[0, 0, 1, 1, 1], [5, 6, 0, 1, 2]]
    """
    sizes = stops - starts
    which = np.repeat(np.arange(len(sizes)), sizes)
    before = np.cumsum(sizes) - sizes
    return which, np.arange(len(which)) - before[which] + starts[which]
