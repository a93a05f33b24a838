"""Training a network of glimpses: one command, which goes on where it was stopped."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from captioner.errors import UserError
from captioner.models.glimpses.model import GlimpseModel
from captioner.training.losses import MaskedCrossEntropy
from pipelines.tasks.glimpses.pictures import draw_paths
from pipelines.tasks.glimpses.scenes import LABELS, SceneBatches, draw_many
from pipelines.tasks.glimpses.settings import GlimpseRecipe
from pipelines.training.loop import EvalResult, TrainingLoop, compile_network
from pipelines.training.run_folder import begin_run, keep_recipe
from pipelines.utils.atomic_files import atomic_write
from pipelines.utils.progress import Reporter
from pipelines.utils.tables import write_csv

METRICS, PREDICTIONS, PATHS = "metrics.json", "predictions.csv", "paths.png"
SHOWN = 12  # scenes of which the picture shows where the network looked


def train(recipe: GlimpseRecipe, run: Path, *, reporter: Reporter | None = None) -> Path:
    """Trains a recipe into a run folder, or goes on with the training that is there, then scores the test split.

    The preset in the run folder is always that of the epoch that did best on the development split. At the end
    `metrics.json` and `predictions.csv` tell what the best model makes of the test split, and `paths.png` shows where
    it looked.

    Args:
        recipe: what to train.
        run: folder of the run.
        reporter: where progress is told.

    Raises:
        UserError: the run folder holds another experiment, or the loss is no number any more.
    """
    reporter = reporter or Reporter()
    run = Path(run)
    progress = begin_run(recipe, run)
    keras.utils.set_random_seed(recipe.training.seed)  # of the first weights and of the places that are drawn
    model = GlimpseModel(recipe.model(LABELS))
    keep_recipe(recipe, run)
    task = GlimpseTask(recipe, model)
    reporter.log(
        f"{task.network.count_params():,} parameters, {recipe.data.sizes.train:,} new scenes and "
        f"{task.batches.steps:,} steps an epoch"
    )
    TrainingLoop(task, recipe.training, run, progress, reporter).run_epochs()
    report_test(recipe, run, reporter)
    return run


class GlimpseTask:
    """Learns the training scenes; is judged by how many of the development scenes it tells rightly.

    Args:
        recipe: the settings.
        model: the network and its labels.
    """

    def __init__(self, recipe: GlimpseRecipe, model: GlimpseModel):
        self.recipe, self.model = recipe, model
        data, training, size = recipe.data, recipe.training, recipe.network.image_size
        self.dev = draw_many(data.seed, "dev", range(data.sizes.dev), size)
        times = recipe.network.rollouts if recipe.network.name == "glimpses" else 1
        if training.batch_size % times:
            raise UserError(
                f"training.batch_size = {training.batch_size} is no multiple of network.rollouts = {times}, the "
                "rows that each scene has in a batch."
            )
        self.batches = SceneBatches(data.seed, data.sizes.train, training.batch_size, size, times)
        self.network = compile_network(model.network, training, MaskedCrossEntropy(pad_id=-1), self.batches.steps)

    def judge(self, epoch: int, loss: float) -> EvalResult:
        """Tells what the development scenes reporter, without chance."""
        pixels, labels = self.dev
        probabilities, _ = self.model.read(pixels)
        right = probabilities[np.arange(len(labels)), labels]
        accuracy = float((probabilities.argmax(axis=-1) == labels).mean())
        scores = {"dev_loss": float(-np.log(np.maximum(right, 1e-12)).mean()), "accuracy": accuracy}
        return EvalResult(scores, "accuracy", accuracy)

    def save_to_preset(self, folder: Path, facts: dict[str, Any]) -> None:
        sizes = self.recipe.data.sizes.model_dump()
        data = {"name": "cluttered scenes", "seed": self.recipe.data.seed, "splits": sizes}
        self.model.save_to_preset(folder, {"recipe": self.recipe.name, "data_set": data, **facts})


def report_test(recipe: GlimpseRecipe, run: Path, reporter: Reporter) -> dict[str, Any]:
    """Scores the best model of a run on the test split, and draws where it looked.

    Returns:
        what is written to `metrics.json`.
    """
    model = GlimpseModel.from_preset(run)
    pixels, labels = draw_many(recipe.data.seed, "test", range(recipe.data.sizes.test), recipe.network.image_size)
    probabilities, places = model.read(pixels)
    said = probabilities.argmax(axis=-1)
    accuracy = float((said == labels).mean())
    report = {"recipe": recipe.name, "split": "test", "examples": len(labels), "scores": {"accuracy": accuracy}}
    report["parameters"] = int(model.network.count_params())
    reporter.log(f"Test, {len(labels):,} scenes: accuracy {100 * accuracy:.1f}")
    atomic_write(run / METRICS, json.dumps(report, indent=2) + "\n")
    rows = [
        {"scene": number, "expected": LABELS[label], "predicted": LABELS[guess], "probability": round(float(sure), 4)}
        for number, (label, guess, sure) in enumerate(zip(labels, said, probabilities.max(axis=-1), strict=True))
    ]
    write_csv(rows, run / PREDICTIONS, list(rows[0]))
    if places is not None:
        told = [f"{LABELS[label]}: {LABELS[guess]}" for label, guess in zip(labels[:SHOWN], said[:SHOWN], strict=True)]
        draw_paths(run / PATHS, pixels[:SHOWN], places[:SHOWN], told, recipe.network.size)
        reporter.log(f"Where it looked: {run / PATHS}")
    return report
