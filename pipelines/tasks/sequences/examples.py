"""Sequences with their labels or sentences."""

import itertools
from dataclasses import dataclass
from random import Random

import numpy as np

from captioner.registry import Registry
from pipelines.data.examples import SPLITS


@dataclass(frozen=True)
class SequenceExample:
    """A sequence and its target.

    source: a text, or frames uint8 `(T, H, W, 3)`.
    target: a text, or labels: one for the whole, or one for each word or frame.
    """

    source: str | np.ndarray
    target: str | tuple[str, ...]

    @property
    def key(self):
        """What must differ for two examples to be different."""
        return self.source if isinstance(self.source, str) else self.source.tobytes()


# `make(random) -> SequenceExample`
TASKS = Registry(
    "sequence task",
    {
        "tag": "pipelines.tasks.sequences.tags:make",
        "classify": "pipelines.tasks.sequences.opinions:make",
        "translate": "pipelines.tasks.sequences.translation:make",
        "frames": "pipelines.tasks.sequences.moving:make",
        "describe": "pipelines.tasks.sequences.facts:make",
    },
)


def generate(task: str, seed: int, sizes: dict[str, int]) -> dict[str, list[SequenceExample]]:
    """Examples of a task, all sources different, within a split and across splits.

    Each example has a random stream of its own, named by seed, split and number. Test and development are made first,
    so they stay the same whatever the size of the training split.

    Args:
        task: a name of `TASKS`.
        seed: any whole number.
        sizes: examples of `train`, `dev` and `test`.
    """
    make, taken, splits = TASKS.get(task), set(), {}
    for split in reversed(SPLITS):
        splits[split] = []
        for number in range(sizes[split]):
            names = (f"sequence/{task}/{seed}/{split}/{number}/{attempt}" for attempt in itertools.count())
            example = next(example for example in map(make, map(Random, names)) if example.key not in taken)
            taken.add(example.key)
            splits[split].append(example)
    return {split: splits[split] for split in SPLITS}
