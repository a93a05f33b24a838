"""What a training would cost, told before anything of it starts."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from pipelines.features import plan_features
from pipelines.prepare import adopt_model, open_data, prepare_model
from pipelines.settings import Recipe
from pipelines.show import Show
from pipelines.train import compile_captioner

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
            f"Disk, run       {_megabytes(self.model_bytes)} model, {_megabytes(self.checkpoint_bytes)} checkpoint",
            f"Memory          {_megabytes(self.memory_bytes)}",
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
    show: Show | None = None,
) -> Cost:
    """Builds the model and takes a few training steps on noise, so that time and memory are measured, not guessed.

    Nothing is written, except that the embedded data is drawn where it is missing.
    """
    show = show or Show()
    if init_from:
        recipe = adopt_model(recipe, init_from)
    dataset = open_data(recipe, data, show.say)
    prepared = prepare_model(recipe, dataset, init_from, encoder_weights)
    encoder, training = prepared.captioner.encoder, prepared.recipe.training
    images = [example.image for example in (*prepared.train_examples, *prepared.dev_examples)]
    features = str(plan_features(encoder, images, cache)) if encoder.cacheable else ""
    steps = -(-len(prepared.train_examples) // training.images_per_batch)
    network = compile_captioner(prepared, steps)
    seconds = _seconds_a_step(network, encoder.trunk_shape, prepared)
    weights = 4 * network.count_params()
    state = sum(int(np.prod(variable.shape)) for variable in network.optimizer.variables)
    cost = Cost(
        parameters=network.count_params(),
        vocabulary_size=len(prepared.captioner.vocabulary),
        steps=steps,
        epochs=training.epochs,
        features=features,
        model_bytes=weights,
        checkpoint_bytes=weights + 4 * state,
        memory_bytes=psutil.Process().memory_info().rss,
        epoch_seconds=seconds * steps,
    )
    for line in cost.lines():
        show.say(line)
    return cost


def _seconds_a_step(network, image_shape, prepared) -> float:
    training, length = prepared.recipe.training, prepared.recipe.text.max_length - 1
    random = np.random.default_rng(0)
    words = (training.images_per_batch, training.captions_per_image, length)
    ids = random.integers(4, len(prepared.captioner.vocabulary), words).astype("int32")
    image = random.normal(size=(training.images_per_batch, *image_shape)).astype("float32")
    network.train_on_batch({"image": image, "words": ids}, ids)  # compiles
    started = time.perf_counter()
    for _ in range(MEASURED_STEPS):
        network.train_on_batch({"image": image, "words": ids}, ids)
    return (time.perf_counter() - started) / MEASURED_STEPS


def _megabytes(size: int) -> str:
    """
    >>> _megabytes(25_000_000)
    '25 MB'
    """
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"
