"""What a training would cost, before it starts."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from captioner.images.augment import augmentations_of
from pipelines.data.features.augmented import plan_augmented
from pipelines.data.features.extract import FeatureExtraction
from pipelines.tasks.captioning.settings import Recipe
from pipelines.tasks.captioning.train import CaptioningExperiment
from pipelines.utils.progress import Reporter, format_bytes

MEASURED_STEPS = 3


@dataclass(frozen=True)
class Cost:
    """The price of a training.

    parameters: numbers that are learned or kept, without a frozen network's.
    steps: of an epoch.
    features: what computing and keeping features takes, in words; empty where nothing is kept.
    model_bytes, checkpoint_bytes: on disk.
    memory_bytes: of this process after a few real steps.
    epoch_seconds: from the same steps, without decoding.
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
        return [
            f"Parameters      {self.parameters:,}, with {self.vocabulary_size:,} words",
            f"Features        {self.features}"
            if self.features
            else "Features        none are kept: the encoder is trained",
            f"Disk, run       {format_bytes(self.model_bytes)} model, {format_bytes(self.checkpoint_bytes)} checkpoint",
            f"Memory          {format_bytes(self.memory_bytes)}",
            f"Time an epoch   {self.epoch_seconds:,.0f} s for {self.steps:,} steps, without decoding",
            f"Time in all     {self.epoch_seconds * self.epochs / 60:,.0f} min for {self.epochs} epochs",
        ]


def dry_run(
    recipe: Recipe,
    *,
    data: Path | None = None,
    cache: Path = Path("cache"),
    init_from: Path | None = None,
    encoder_weights: Path | None = None,
    reporter: Reporter | None = None,
) -> Cost:
    """Builds the model and takes a few training steps on noise, so that time and memory are measured, not guessed.

    Nothing is written, except that the embedded data is drawn where it is missing.
    """
    reporter = reporter or Reporter()
    experiment = CaptioningExperiment(
        recipe, data=data, cache=cache, init_from=init_from, encoder_weights=encoder_weights, reporter=reporter
    )
    experiment.open_data()
    experiment.build(None)
    encoder, training = experiment.encoder, recipe.training
    seen = [example.image for example in experiment.train_examples]
    images = [*seen, *(example.image for example in experiment.dev_examples)]
    features = str(FeatureExtraction(encoder, images, cache).plan) if encoder.cacheable else ""
    if features and training.augmentations:
        features += (
            f" Other views: {plan_augmented(encoder, seen, cache, augmentations_of(training.augmentations)[1:])}"
        )
    experiment.compile(Noise(encoder.backbone_shape, len(seen)))
    network, steps = experiment.network, experiment.batches.steps
    seconds = _seconds_a_step(experiment)
    weights = 4 * network.count_params()
    state = sum(int(np.prod(variable.shape)) for variable in network.optimizer.variables)
    cost = Cost(
        parameters=network.count_params(),
        vocabulary_size=len(experiment.captioner.vocabulary),
        steps=steps,
        epochs=training.epochs,
        features=features,
        model_bytes=weights,
        checkpoint_bytes=weights + 4 * state,
        memory_bytes=psutil.Process().memory_info().rss,
        epoch_seconds=seconds * steps,
    )
    for line in cost.lines():
        reporter.log(line)
    return cost


def _seconds_a_step(experiment: CaptioningExperiment) -> float:
    """What a step takes, with all that belongs to it."""
    step, epoch = experiment.network.train_on_batch, experiment.batches.epoch
    batches = (batch for number in itertools.count() for batch in epoch(number))  # an epoch may be a single step
    step(*next(batches))  # compiles
    started = time.perf_counter()
    for batch in itertools.islice(batches, MEASURED_STEPS):
        step(*batch)
    return (time.perf_counter() - started) / MEASURED_STEPS


class Noise:
    """Noise in place of features: the same for all images, since sampling noise takes longer than reading."""

    def __init__(self, shape, count):
        self.shape, self.readable = shape, np.ones(count, bool)
        self.image = np.random.default_rng(0).normal(size=shape).astype("float16")

    def read(self, indices):
        return np.broadcast_to(self.image, (len(indices), *self.shape))
