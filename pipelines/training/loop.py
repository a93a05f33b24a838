"""The loop over epochs that all trainings share: it goes on where it was stopped, and keeps the best model."""

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from captioner.errors import UserError
from captioner.files import as_user_error
from captioner.training.optimizers import build_optimizer, learning_rate_schedule
from pipelines.data.tf_options import fast_input_options
from pipelines.recipes.recipe import AnyRecipe, LoopSettings
from pipelines.training.checkpoint import restore_checkpoint, save_checkpoint
from pipelines.training.history import describe_best, describe_epoch, draw_curves, write_history
from pipelines.utils.progress import Reporter

HISTORY, CURVES = "metrics.csv", "curves.png"


@dataclass(frozen=True)
class EvalResult:
    """What the model of an epoch is worth.

    scores: all that was measured, for the table of epochs.
    name: the score that chooses the best epoch.
    value: that score, or its negative where less is better.
    """

    scores: dict[str, Any]
    name: str
    value: float


class Batches(Protocol):
    """The batches of an epoch, in an order that depends on the seed and the epoch alone.

    What they count in the course of an epoch, if anything, is `state`, a dictionary that JSON can hold: it is kept in
    the checkpoint, too.
    """

    steps: int

    def epoch(self, epoch: int, skip: int = 0):
        """A `tf.data.Dataset` of `(inputs, targets)` from step `skip` on."""


class Trainable(Protocol):
    """What the loop trains: an experiment; see `pipelines.training.experiment.Experiment`."""

    recipe: AnyRecipe
    reporter: Reporter
    network: keras.Model
    batches: Batches

    def evaluate(self, epoch: int, loss: float) -> EvalResult: ...

    def save(self, folder: Path, facts: dict[str, Any]) -> None: ...


def compile_network(network: keras.Model, settings: LoopSettings, loss, steps_per_epoch: int) -> keras.Model:
    """Gives a built network its loss and its optimizer, all variables made."""
    steps = steps_per_epoch * settings.epochs
    optimizer = build_optimizer(
        settings.optimizer,
        learning_rate_schedule(
            settings.learning_rate, steps, settings.schedule, settings.warmup_steps, settings.final_learning_rate
        ),
        weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm,
        clip_value=settings.clip_value,
        average_weights=settings.average_weights,
    )
    network.compile(optimizer=optimizer, loss=loss, jit_compile=settings.xla)
    optimizer.build(network.trainable_variables)
    return network


class TrainingLoop:
    """The epochs of one run.

    Args:
        experiment: what is trained.
        run: the run's folder.
        progress: what `open_run` returned.
    """

    def __init__(self, experiment: Trainable, run: Path, progress: dict[str, Any] | None):
        self.experiment, self.run, self.reporter = experiment, run, experiment.reporter
        self.settings = experiment.recipe.training
        self.network, self.batches = experiment.network, experiment.batches
        self.at = progress or {"epoch": 0, "step": 0, "seconds": 0.0, "best": None, "history": []}
        if progress:
            restore_checkpoint(run, self.network)
            getattr(self.batches, "state", {}).update(progress.get("batches", {}))
            self.reporter.log(f"Going on at epoch {self.at['epoch'] + 1}, step {self.at['step'] + 1:,}")

    def run_epochs(self) -> None:
        """Trains to the last epoch, or to the one after which nothing got better."""
        while self.at["epoch"] < self.settings.epochs and not self._out_of_patience():
            loss = self._fit_epoch()
            self._evaluate_epoch(loss)
            self.at.update(epoch=self.at["epoch"] + 1, step=0)
            self.save()
        best = self.at["best"]
        if best:
            score = describe_best(best["name"], best["score"])
            self.reporter.log(f"Best epoch {best['epoch']}: {score}. The model is in {self.run}")

    def save(self) -> None:
        """Writes the checkpoint.

        Raises:
            UserError: the weights are NaN or infinite: nothing could go on from there.
        """
        if not all(np.isfinite(np.asarray(variable)).all() for variable in self.network.trainable_variables):
            raise self.diverged("The weights are not finite")
        if state := getattr(self.batches, "state", None):
            self.at["batches"] = dict(state)
        save_checkpoint(self.run, self.network, self.at)

    def diverged(self, what: str) -> UserError:
        best = self.at["best"]
        kept = (
            f"The best model so far, of epoch {best['epoch']}, is kept in {self.run}." if best else "No model is kept."
        )
        return UserError(
            f"{what} at epoch {self.at['epoch'] + 1}, step {self.at['step']:,}. {kept} Begin again in another folder "
            "(--out) with a lower training.learning_rate or training.clip_norm."
        )

    def _fit_epoch(self) -> float:
        epoch = self.at["epoch"]
        with self.reporter.epoch(epoch + 1, self.settings.epochs, self.batches.steps, self.at["step"]) as advance:
            keeper = CheckpointCallback(self, advance)
            if self.at["step"] < self.batches.steps:
                dataset = fast_input_options(self.batches.epoch(epoch, skip=self.at["step"]))
                self.network.fit(
                    dataset, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0, callbacks=[keeper]
                )
        loss = float(self.network.get_metrics_result()["loss"])
        self.save()  # so that a run stopped during the evaluation need not train it again
        return loss

    def _out_of_patience(self) -> bool:
        best, patience = self.at["best"], self.settings.patience
        return bool(best and patience and self.at["epoch"] - best["epoch"] >= patience)

    def _evaluate_epoch(self, loss: float) -> None:
        """Measures the epoch's model, and keeps it if it is the best so far."""
        epoch = self.at["epoch"] + 1
        row = {"epoch": epoch, "steps": epoch * self.batches.steps, "loss": loss}
        started = time.monotonic()
        with averaged(self.network):
            result = self.experiment.evaluate(self.at["epoch"], loss)
        if not np.isfinite(result.value):  # no later epoch would ever be better than "not a number"
            raise self.diverged(f"The score that chooses the best epoch, {result.name}, is {result.value}")
        row.update(result.scores, judging_seconds=round(time.monotonic() - started, 1))
        row["seconds"] = round(self.at["seconds"], 1)
        self.at["history"].append(row)
        if self.at["best"] is None or result.value > self.at["best"]["value"]:
            score = result.scores.get(result.name, loss)
            self.at["best"] = {"epoch": epoch, "name": result.name, "score": score, "value": result.value}
            facts = {
                "scores": {"split": "dev", **row},
                "trained": {"epochs": epoch, "steps": row["steps"], "seconds": row["seconds"]},
            }
            with averaged(self.network), as_user_error(self.run):
                self.experiment.save(self.run, facts)
        write_history(self.run / HISTORY, self.at["history"])
        draw_curves(self.run / CURVES, self.at["history"])
        self.reporter.log(describe_epoch(row, best=self.at["best"]["epoch"] == epoch))


class CheckpointCallback(keras.callbacks.Callback):
    """Counts steps and seconds, saves checkpoints, and stops where the loss is NaN or infinite."""

    def __init__(self, loop: TrainingLoop, advance):
        super().__init__()
        self.loop, self.advance = loop, advance
        self.saved = self.before = time.monotonic()
        # `fit` clears the metrics at the beginning of an epoch, also of one that goes on.
        self.metrics = [np.asarray(value) for value in loop.network.metrics_variables]

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0 and self.loop.at["step"]:
            for variable, value in zip(self.loop.network.metrics_variables, self.metrics, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        at = self.loop.at
        at["step"] += 1
        at["seconds"] += now - self.before
        self.before = now
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise self.loop.diverged(f"The loss is {loss}")
        self.advance(at["step"], loss)
        if now - self.saved > 60 * self.loop.settings.checkpoint_minutes:
            self.loop.save()
            self.saved = now

    # `fit` ends by putting the moving averages in place of the weights. Training goes on with the weights.
    def on_epoch_end(self, epoch, logs=None):
        self.weights = [np.asarray(variable) for variable in self.loop.network.trainable_variables]

    def on_train_end(self, logs=None):
        for variable, value in zip(self.loop.network.trainable_variables, self.weights, strict=True):
            variable.assign(value)


@contextmanager
def averaged(network: keras.Model):
    """Within it the network has the moving average of its weights, where its optimizer keeps one."""
    optimizer, variables = network.optimizer, network.trainable_variables
    if not optimizer.use_ema:
        yield
        return
    kept = [np.asarray(variable) for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
