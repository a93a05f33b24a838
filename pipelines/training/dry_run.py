"""What a training would cost, before it starts."""

import contextlib
import dataclasses
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from pipelines.data.datasets import DATASETS
from pipelines.data.open import DRAWN
from pipelines.recipes.recipe import AnyRecipe
from pipelines.recipes.task_registry import EXPERIMENTS
from pipelines.training.experiment import Experiment
from pipelines.utils.progress import Reporter, format_bytes, format_duration

MEASURED_STEPS = 3


@dataclasses.dataclass(frozen=True)
class Cost:
    """The price of a training.

    parameters: numbers that are learned or kept, without a frozen network's.
    vocabulary_size: 0 where the network reads and writes no words.
    steps: of an epoch.
    features: what computing and keeping features takes, in words; empty where nothing is kept.
    model_bytes, checkpoint_bytes: on disk.
    memory_bytes: of this process after a few real steps.
    epoch_seconds: from the same steps, without the evaluation.
    """

    parameters: int
    vocabulary_size: int
    steps: int
    epochs: int
    features: str
    model_bytes: int
    checkpoint_bytes: int
    memory_bytes: int
    epoch_seconds: float

    def lines(self) -> list[str]:
        words = f", with {self.vocabulary_size:,} words" if self.vocabulary_size else ""
        return [
            f"Parameters      {self.parameters:,}{words}",
            *([f"Features        {self.features}"] if self.features else []),
            f"Disk, run       {format_bytes(self.model_bytes)} model, {format_bytes(self.checkpoint_bytes)} checkpoint",
            f"Memory          {format_bytes(self.memory_bytes)}",
            f"Time an epoch   {format_duration(self.epoch_seconds)} for {self.steps:,} steps, without the evaluation",
            f"Time in all     {format_duration(self.epoch_seconds * self.epochs)} for {self.epochs} epochs",
        ]


def dry_run(recipe: AnyRecipe, *, reporter: Reporter | None = None, **options) -> Cost:
    """Builds the network and takes a few training steps, so that time and memory are measured, not guessed.

    Images are noise here: none is read or encoded. Nothing is written.

    Args:
        recipe: what would be trained.
        reporter: where the cost is logged; standard output by default.
        options: as of `pipelines.training.experiment.train`.

    Raises:
        UserError: as of `Experiment.train`, as far as no image is needed to know it.
    """
    reporter = reporter or Reporter()
    with _drawn_for_now(recipe, options.get("data")) as recipe:
        experiment = EXPERIMENTS.get(recipe.kind)(recipe, reporter=reporter, **options)
        experiment.open_data()
        words = experiment.build(None) or experiment.vocabulary or ()
        features = experiment.prepare_dry_run()
    network, steps = experiment.network, experiment.batches.steps
    seconds = _seconds_a_step(experiment)
    weights = 4 * network.count_params()
    state = sum(int(np.prod(variable.shape)) for variable in network.optimizer.variables)
    cost = Cost(
        parameters=network.count_params(),
        vocabulary_size=len(words),
        steps=steps,
        epochs=recipe.training.epochs,
        features=features,
        model_bytes=weights,
        checkpoint_bytes=weights + 4 * state,
        memory_bytes=psutil.Process().memory_info().rss,
        epoch_seconds=seconds * steps,
    )
    for line in cost.lines():
        reporter.log(line)
    return cost


@contextlib.contextmanager
def _drawn_for_now(recipe: AnyRecipe, data: Path | None) -> Iterator[AnyRecipe]:
    """The recipe, with data that it would draw in a folder that is removed again; the pictures there are empty."""
    source = getattr(recipe, "source", None)
    if data or source is None or source.layout not in DRAWN or Path(source.directory).exists():
        yield recipe
        return
    drawing = dataclasses.replace(DATASETS.get(source.layout).DRAWING, save=lambda content, size, file: None)
    with tempfile.TemporaryDirectory() as folder:
        drawing.draw(folder, sizes=source.sizes or None)
        yield recipe.model_copy(update={"data": recipe.data.model_copy(update={"directory": folder})})


def _seconds_a_step(experiment: Experiment) -> float:
    """What a step takes, with all that belongs to it."""
    step, epoch = experiment.network.train_on_batch, experiment.batches.epoch
    batches = (batch for number in itertools.count() for batch in epoch(number))  # an epoch may be a single step
    step(*next(batches))  # compiles
    started = time.perf_counter()
    for batch in itertools.islice(batches, MEASURED_STEPS):
        step(*batch)
    return (time.perf_counter() - started) / MEASURED_STEPS
