"""Training a network of glimpses."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.models.glimpses.model import GlimpseModel
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from pipelines.evaluation.metrics import score_texts
from pipelines.tasks.glimpses.pictures import draw_paths
from pipelines.tasks.glimpses.scenes import LABELS, SceneBatches, sample_scenes
from pipelines.tasks.glimpses.settings import GlimpseRecipe
from pipelines.training.experiment import Experiment
from pipelines.training.loop import EvalResult, compile_network
from pipelines.utils.progress import Reporter
from pipelines.utils.tables import write_csv

METRICS, PREDICTIONS, PATHS = "metrics.json", "predictions.csv", "paths.png"
SHOWN = 12  # scenes in the picture of the paths


class GlimpseExperiment(Experiment):
    """Learns the training scenes, and is evaluated by how many of the development scenes it classifies rightly.

    At the end `metrics.json` and `predictions.csv` hold the best model's results on the test split, and `paths.png` has
    the paths of its glimpses.

    Raises:
        UserError: a batch does not hold whole scenes.
    """

    def __init__(self, recipe: GlimpseRecipe, reporter: Reporter | None = None):
        super().__init__(recipe, reporter)
        network, rows = recipe.network, recipe.training.batch_size
        self.rollouts = network.rollouts if network.name == "glimpses" else 1
        if rows % self.rollouts:
            raise UserError(
                f"training.batch_size = {rows} is no multiple of network.rollouts = {self.rollouts}, the rows that "
                "each scene has in a batch."
            )

    def open_data(self) -> None:
        data, size = self.recipe.data, self.recipe.network.image_size
        self.dev = sample_scenes(data.seed, "dev", range(data.sizes.dev), size)

    def build(self, words: Vocabulary | None) -> None:
        data, training, size = self.recipe.data, self.recipe.training, self.recipe.network.image_size
        self.model = GlimpseModel(self.recipe.model(LABELS))
        self.batches = SceneBatches(data.seed, data.sizes.train, training.batch_size, size, self.rollouts)
        self.network = compile_network(self.model.network, training, MaskedCrossEntropy(pad_id=-1), self.batches.steps)

    def describe(self) -> str:
        return (
            f"{self.network.count_params():,} parameters, {self.recipe.data.sizes.train:,} new scenes and "
            f"{self.batches.steps:,} steps an epoch"
        )

    def evaluate(self, epoch: int, loss: float) -> EvalResult:
        """Classifies the development scenes, without sampling."""
        pixels, labels = self.dev
        probabilities, _ = self.model.read(pixels)
        right = probabilities[np.arange(len(labels)), labels]
        accuracy = float((probabilities.argmax(axis=-1) == labels).mean())
        scores = {"dev_loss": float(-np.log(np.maximum(right, 1e-12)).mean()), "accuracy": accuracy}
        return EvalResult(scores, "accuracy", accuracy)

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        sizes = self.recipe.data.sizes.model_dump()
        data = {"name": "cluttered scenes", "seed": self.recipe.data.seed, "splits": sizes}
        self.model.save_to_preset(folder, {"recipe": self.recipe.name, "data_set": data, **facts})

    def report(self, run: Path) -> None:
        report_test(self.recipe, run, self.reporter)


def report_test(recipe: GlimpseRecipe, run: Path, reporter: Reporter) -> dict[str, Any]:
    """Scores the best model of a run on the test split, and draws the paths of its glimpses.

    Returns:
        what is written to `metrics.json`.
    """
    model = GlimpseModel.from_preset(run)
    pixels, labels = sample_scenes(recipe.data.seed, "test", range(recipe.data.sizes.test), recipe.network.image_size)
    probabilities, locations = model.read(pixels)
    predicted = probabilities.argmax(axis=-1)
    accuracy = float((predicted == labels).mean())
    report = {"recipe": recipe.name, "split": "test", "examples": len(labels), "scores": {"accuracy": accuracy}}
    report["parameters"] = int(model.network.count_params())
    reporter.log(f"Test, {len(labels):,} scenes: {', '.join(score_texts(report['scores']))}")
    atomic_write(run / METRICS, json.dumps(report, indent=2) + "\n")
    rows = [
        {"scene": number, "expected": LABELS[label], "predicted": LABELS[guess], "probability": round(float(sure), 4)}
        for number, (label, guess, sure) in enumerate(zip(labels, predicted, probabilities.max(axis=-1), strict=True))
    ]
    write_csv(rows, run / PREDICTIONS, list(rows[0]))
    if locations is not None:
        titles = [f"{row['expected']}: {row['predicted']}" for row in rows[:SHOWN]]
        draw_paths(run / PATHS, pixels[:SHOWN], locations[:SHOWN], titles, recipe.network.size)
        reporter.log(f"Where it looked: {run / PATHS}")
    return report
