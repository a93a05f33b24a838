"""An experiment: weights shared over time against a set of weights for each position.

The same task (a tag for each word of a caption, read from left to right), the same cell, and two networks: one uses its
weights at every position, the other has a set of its own for each position. Both learn from captions of few words. They
are tested on other captions of as many words, whose last positions are the rarest in training, and on longer ones, for
whose last words the second has no weights: it uses those of its last position.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from captioner.models.sequences.untied import UntiedInStep
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from pipelines.tasks.sequences.batches import NONE, SequenceBatches
from pipelines.tasks.sequences.examples import SequenceExample, generate
from pipelines.tasks.sequences.tags import TAGS

NAMES = ("shared", "untied")  # weights: one set for all positions, or one set for each
TEST = 1500  # captions of any length to test on


@dataclass(frozen=True)
class Part:
    """Words that are measured together."""

    longer: bool  # whether they are of captions longer than those of training
    first: int  # position, counted from 1
    last: int
    train_words: int  # number of words at these positions
    test_words: int
    accuracy: dict[str, float]  # share tagged rightly, by network


@dataclass(frozen=True)
class SharingResults:
    """The results of the experiment."""

    captions: int  # of training
    most_words: int
    parameters: dict[str, int]  # of each network
    parts: list[Part]


def compare_sharing(
    cell: str = "lstm",
    units: int = 32,
    most_words: int = 10,
    captions: int = 400,
    epochs: int = 40,
    seed: int = 0,
    log: Callable[[str], None] = lambda text: None,
) -> SharingResults:
    """Trains both networks on captions of at most `most_words` words and tests them on captions of any length.

    Args:
        cell, units: of both networks.
        most_words: longest training caption.
        captions: training captions.
        epochs: times that each training caption is seen.
        seed: of the captions, the first weights and the order.
        log: receives lines about progress.
    """
    splits = generate("tag", seed, {"train": 3 * captions, "dev": 0, "test": TEST})
    train = [example for example in splits["train"] if len(example.target) <= most_words][:captions]
    vocabulary = Vocabulary.from_captions((example.source for example in train), "spaces")
    words, tags = _arrays(train, vocabulary, most_words)
    longest = max(len(example.target) for example in splits["test"])
    test_words, test_tags = _arrays(splits["test"], vocabulary, longest)
    parameters, right = {}, {}
    for name, positions in zip(NAMES, (1, most_words), strict=True):
        keras.utils.set_random_seed(seed)
        network = UntiedInStep(len(TAGS), positions, len(vocabulary), cell, units)
        network.build((None, most_words))
        parameters[name] = int(network.count_params())
        network.compile(optimizer=keras.optimizers.Adam(5e-3), loss=MaskedCrossEntropy(pad_id=NONE), jit_compile=False)
        batches = SequenceBatches(words, tags, NONE, 50, seed)
        for epoch in range(epochs):
            network.fit(batches.epoch(epoch), shuffle=False, verbose=0)
        loss = float(network.get_metrics_result()["loss"])
        log(f"{name}: {parameters[name]:,} parameters, training loss {loss:.3f}")
        right[name] = np.asarray(network(test_words)).argmax(axis=-1) == test_tags
    longer = np.array([len(example.target) > most_words for example in splits["test"]])
    ranges = _ranges(most_words, longest)
    parts = [_part(*part, tags=tags, test_tags=test_tags, longer=longer, right=right) for part in ranges]
    return SharingResults(len(train), most_words, parameters, [part for part in parts if part.test_words])


def _ranges(most_words: int, longest: int) -> list[tuple[bool, int, int]]:
    """`(longer captions, first, last position)` of each part."""
    middle, end = most_words // 2, most_words - 1
    short = [(False, 1, middle), (False, middle + 1, end - 1), (False, end, most_words)]
    # Of longer captions, the positions that training has and those that it has not.
    return [*short, (True, 1, most_words), (True, most_words + 1, longest)]


def _part(longer_ones: bool, first: int, last: int, *, tags, test_tags, longer, right) -> Part:
    rows, positions = longer == longer_ones, slice(first - 1, last)
    real = test_tags[rows, positions] != NONE
    hits = {name: values[rows, positions][real] for name, values in right.items()}
    accuracy = {name: float(values.mean()) if real.any() else float("nan") for name, values in hits.items()}
    return Part(longer_ones, first, last, int((tags[:, positions] != NONE).sum()), int(real.sum()), accuracy)


def _arrays(examples: list[SequenceExample], vocabulary: Vocabulary, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Word ids and tags `(N, length)`."""
    words, tags = (np.full((len(examples), length), fill, "int32") for fill in (vocabulary.pad_id, NONE))
    for row, example in enumerate(examples):
        words[row, : len(example.target)] = vocabulary.encode_words(example.source.split())
        tags[row, : len(example.target)] = [TAGS.index(tag) for tag in example.target]
    return words, tags


def head_and_rows(results: SharingResults) -> tuple[list[str], list[list[str]]]:
    """The table for people."""
    rows = []
    for part in results.parts:
        captions = f"{'over' if part.longer else 'up to'} {results.most_words} words"
        accuracies = [f"{100 * part.accuracy[name]:.1f}" for name in NAMES]
        rows.append([captions, f"{part.first} to {part.last}", f"{part.train_words:,}", *accuracies])
    head = ["captions of", "words", "seen in training", *NAMES]
    return head, [*rows, ["parameters", "", "", *(f"{results.parameters[name]:,}" for name in NAMES)]]
