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
    """Words that are measured together.

    longer: whether they are of captions longer than those of training.
    first, last: their positions, counted from 1.
    train_words, test_words: the number of words at these positions.
    accuracy: share tagged rightly, by network.
    """

    longer: bool
    first: int
    last: int
    train_words: int
    test_words: int
    accuracy: dict[str, float]


@dataclass(frozen=True)
class SharingResults:
    """The results of the experiment. `parameters`: of each network."""

    captions: int
    most_words: int
    parameters: dict[str, int]
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
    learned = [example for example in splits["train"] if len(example.target) <= most_words][:captions]
    vocabulary = Vocabulary.from_captions((example.source for example in learned), "spaces")
    words, tags = _arrays(learned, vocabulary, most_words)
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
    return SharingResults(len(learned), most_words, parameters, [part for part in parts if part.test_words])


def _ranges(most_words: int, longest: int) -> list[tuple[bool, int, int]]:
    """`(longer captions, first, last position)` of each part.

    These are the beginning, the middle and the end of short captions; of longer ones, positions that training has and
    those that it has not.
    """
    middle, end = most_words // 2, most_words - 1
    short = [(False, 1, middle), (False, middle + 1, end - 1), (False, end, most_words)]
    return [*short, (True, 1, most_words), (True, most_words + 1, longest)]


def _part(longer_ones: bool, first: int, last: int, *, tags, test_tags, longer, right) -> Part:
    rows, positions = longer == longer_ones, slice(first - 1, last)
    real = test_tags[rows, positions] != NONE
    hits = {name: values[rows, positions][real] for name, values in right.items()}
    accuracy = {name: float(values.mean()) if real.any() else float("nan") for name, values in hits.items()}
    return Part(longer_ones, first, last, int((tags[:, positions] != NONE).sum()), int(real.sum()), accuracy)


def _arrays(examples: list[SequenceExample], vocabulary: Vocabulary, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Word ids and tags `(N, length)`."""
    words = np.full((len(examples), length), vocabulary.pad_id, "int32")
    tags = np.full((len(examples), length), NONE, "int32")
    for row, example in enumerate(examples):
        ids = vocabulary.encode_words(example.source.split())
        words[row, : len(ids)] = ids
        tags[row, : len(ids)] = [TAGS.index(tag) for tag in example.target]
    return words, tags


def head_and_rows(results: SharingResults) -> tuple[list[str], list[list[str]]]:
    """The table for people."""
    rows = [
        [
            f"over {results.most_words} words" if part.longer else f"up to {results.most_words} words",
            f"{part.first} to {part.last}",
            f"{part.train_words:,}",
            *(f"{100 * part.accuracy[name]:.1f}" for name in NAMES),
        ]
        for part in results.parts
    ]
    head = ["captions of", "words", "seen in training", *NAMES]
    return head, [*rows, ["parameters", "", "", *(f"{results.parameters[name]:,}" for name in NAMES)]]
