"""Checks a data set of captions before anybody trains on it: sizes, words, and everything that is wrong with it.

`check` counts, opens every image and compares them; `CheckReport.lines` is what `captioner check DATA` prints.
Questions are checked by `pipelines.data.checks.questions`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from captioner.text.scripts import tokenizer_hint
from captioner.text.tokenizers import Tokenizer, get_tokenizer
from pipelines.data.checks.report import Report, count, open_all, word_counts, word_counts_text
from pipelines.data.examples import DataSet
from pipelines.data.wordless import without_wordless


@dataclass(frozen=True)
class SplitReport:
    """What one split holds; `lengths` as in `word_counts`.

    `unknown_rate` is the share of its words that the vocabulary of the training split does not have.
    """

    images: int
    captions: int
    words: int
    distinct_words: int
    unknown_rate: float
    lengths: tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class CheckReport(Report):
    """What `check` found."""

    minimum_count: int

    def rows(self):
        yield ("split", "images", "captions", "words", "distinct", "unknown", "words a caption")
        for split, report in self.splits.items():
            numbers = (report.images, report.captions, report.words, report.distinct_words)
            cells = (*(f"{number:,}" for number in numbers), f"{report.unknown_rate:.2%}")
            yield (split, *cells, word_counts_text(report.lengths))

    def details(self) -> Iterator[str]:
        yield (
            f"Vocabulary: {count(self.vocabulary_size, 'word')} that train holds at least "
            f"{count(self.minimum_count, 'time')} ({self.tokenizer} tokenizer); `unknown` is the share of "
            "words outside it."
        )


def check(
    dataset: DataSet,
    tokenizer: str | Tokenizer = "ptb",
    minimum_count: int = 1,
    open_images: bool = True,
    progress: Callable[[int], object] | None = None,
) -> CheckReport:
    """Checks a data set of captions.

    Args:
        dataset: what a reader gave.
        tokenizer: one, or its name.
        minimum_count: how often a word must occur in the training captions to be in the vocabulary.
        open_images: whether to decode every image and to compare the files; some 1,000 images a second and core.
        progress: called with 1 for each image opened.
    """
    tokenizer = get_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
    captions: dict[str, list[list[str]]] = {split: [] for split in dataset.splits()}
    examples, wordless = without_wordless(dataset.examples, tokenizer)
    for example in examples:
        captions[example.split] += map(tokenizer.tokenize, example.captions)
    counts = {split: Counter(word for words in texts for word in words) for split, texts in captions.items()}
    vocabulary = {word for word, number in counts.get("train", {}).items() if number >= minimum_count}
    unreadable, same = open_all(dataset, progress) if open_images else ((), ())
    return CheckReport(
        dataset=dataset,
        splits={
            split: _split_report(images, captions[split], counts[split], vocabulary)
            for split, images in dataset.splits().items()
        },
        tokenizer=tokenizer.name,
        minimum_count=minimum_count,
        vocabulary_size=len(vocabulary),
        tokenizer_hint=tokenizer_hint([text for example in examples for text in example.captions], tokenizer.name),
        problems=(*dataset.problems, *wordless, *unreadable),
        same_images=same,
        images_opened=open_images,
    )


def _split_report(images: int, captions: list[list[str]], counts: Counter, vocabulary: set) -> SplitReport:
    words = counts.total()
    known = sum(number for word, number in counts.items() if word in vocabulary)
    unknown_rate = 1 - known / words if words else 0.0
    return SplitReport(images, len(captions), words, len(counts), unknown_rate, word_counts(captions))
