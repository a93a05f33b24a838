"""Training a captioner: one command, which goes on where it was stopped."""

import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from captioner.errors import UserError
from captioner.models.captioner import ImageCaptioner
from captioner.models.networks import CaptionNetwork
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from captioner.training.optimisers import build_optimiser
from pipelines.checkpoint import read_progress, restore_checkpoint, save_checkpoint
from pipelines.decode import decode_source
from pipelines.disk import write_whole
from pipelines.prepare import Prepared, adopt_model, open_data, prepare_model, prepare_sources
from pipelines.scoring import score_split
from pipelines.settings import Recipe, as_toml, load_recipe
from pipelines.show import Show
from pipelines.training_log import draw_curves, write_history

RECIPE, HISTORY, CURVES, WORDS = "recipe.toml", "metrics.csv", "curves.png", "words.txt"
COLLAPSED = 0.05  # share of distinct captions under which they say little about the images


def train(
    recipe: Recipe,
    run: Path,
    *,
    data: Path | None = None,
    cache: Path = Path("cache"),
    init_from: Path | None = None,
    encoder_weights: Path | None = None,
    show: Show | None = None,
) -> Path:
    """Trains a recipe into a run folder, or goes on with the training that is there.

    After each epoch the development captions are decoded freely and scored; the preset in the run folder is always
    that of the best epoch so far.

    Args:
        recipe: what to train.
        run: folder of the run.
        data: folder of the data set; the recipe's own where it is not given.
        cache: folder where features of frozen networks are kept.
        init_from: preset to begin with.
        encoder_weights: file with the frozen network's weights.
        show: where progress is told.

    Raises:
        UserError: the run folder holds another experiment, the data cannot be used, or the loss is no number
            any more.
    """
    show = show or Show()
    run = Path(run)
    if init_from:
        recipe = adopt_model(recipe, init_from)
    progress = _begin(recipe, run)
    dataset = open_data(recipe, data, show.say)
    vocabulary = Vocabulary.load(run / WORDS, recipe.text.tokeniser) if (run / WORDS).is_file() else None
    keras.utils.set_random_seed(recipe.training.seed)  # of the first weights and of dropout
    # A run that was stopped before its first checkpoint begins again, with the same weights.
    start_from = init_from if progress is None else None
    prepared = prepare_model(recipe, dataset, start_from, encoder_weights, vocabulary)
    if vocabulary is None:
        _keep(prepared, run)
    show.say(f"{dataset.name}: " + ", ".join(f"{count:,} {split}" for split, count in dataset.splits().items()))
    with show.progress("Features") as advance:
        prepare_sources(
            prepared, cache, lambda done, total, rate: advance(done, total, f"{rate:.1f} images/s"), show.say
        )
    show.problems(prepared.problems)
    Training(prepared, run, progress, show).run_epochs()
    return run


def _begin(recipe: Recipe, run: Path) -> dict[str, Any] | None:
    """Makes the run folder, or checks that the one there is of the same experiment."""
    run.mkdir(parents=True, exist_ok=True)
    if (run / RECIPE).is_file():
        there = load_recipe(str(run / RECIPE))
        if there != recipe and _settings_that_matter(there) != _settings_that_matter(recipe):
            raise UserError(
                f"{run} holds a training with other settings ({run / RECIPE}). Give another folder with --out, or "
                "delete that one."
            )
    return read_progress(run)


def _settings_that_matter(recipe: Recipe) -> dict:
    values = recipe.model_dump()
    values.pop("description")
    values["data"].pop("directory")
    values["training"].pop("checkpoint_minutes")
    return values


def _keep(prepared: Prepared, run: Path) -> None:
    """Writes down what must not change when the run goes on: its settings and its words."""
    write_whole(run / RECIPE, as_toml(prepared.recipe))
    prepared.captioner.vocabulary.save(run / (WORDS + ".part"))
    os.replace(run / (WORDS + ".part"), run / WORDS)


class Training:
    """The epochs of one run.

    Args:
        prepared: data and model.
        run: the run's folder.
        progress: what the checkpoint says, or None at the beginning.
        show: where progress is told.
    """

    def __init__(self, prepared: Prepared, run: Path, progress: dict[str, Any] | None, show: Show):
        self.prepared, self.run, self.show = prepared, run, show
        self.settings = prepared.recipe.training
        self.captioner = prepared.captioner
        self.batches = prepared.batches
        self.at = progress or {"epoch": 0, "step": 0, "seconds": 0.0, "best": None, "history": []}
        self.network = compile_network(self.captioner, prepared.recipe, self.batches.steps)
        if progress:
            restore_checkpoint(run, self.network)
            self.show.say(f"Going on at epoch {self.at['epoch'] + 1}, step {self.at['step'] + 1:,}")

    def run_epochs(self) -> None:
        """Trains to the last epoch, or to the one after which nothing got better."""
        self.show.say(
            f"{self.captioner.network.count_params():,} parameters, {len(self.captioner.vocabulary):,} words, "
            f"{self.batches.steps:,} steps an epoch"
        )
        while self.at["epoch"] < self.settings.epochs and not self._out_of_patience():
            loss = self._fit_epoch()
            self._judge_epoch(loss)
            self.at.update(epoch=self.at["epoch"] + 1, step=0)
            self._save()
        best = self.at["best"]
        if best:
            self.show.say(f"Best epoch {best['epoch']}: {best['name']} {best['score']:.4f}. The model is in {self.run}")

    def _fit_epoch(self) -> float:
        epoch = self.at["epoch"]
        with self.show.epoch(epoch + 1, self.settings.epochs, self.batches.steps, self.at["step"]) as tell:
            keeper = _Keeper(self, tell)
            if self.at["step"] < self.batches.steps:
                dataset = self.batches.epoch(epoch, skip=self.at["step"])
                self.network.fit(
                    dataset, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0, callbacks=[keeper]
                )
        loss = float(self.network.get_metrics_result()["loss"])
        self._save()  # so that a run stopped while captions are decoded need not train the epoch again
        return loss

    def _save(self) -> None:
        save_checkpoint(self.run, self.network, self.at)

    def _out_of_patience(self) -> bool:
        best, patience = self.at["best"], self.settings.patience
        return bool(best and patience and self.at["epoch"] - best["epoch"] >= patience)

    def _judge_epoch(self, loss: float) -> None:
        """Decodes the development captions, scores them, and keeps the model if it is the best so far."""
        row = {"epoch": self.at["epoch"] + 1, "steps": (self.at["epoch"] + 1) * self.batches.steps, "loss": loss}
        if self.prepared.dev_source is None:
            score, name = -loss, "loss (there is no development split to decode)"
        else:
            started = time.monotonic()
            scores = self._decode()
            row.update(scores, decoding_seconds=round(time.monotonic() - started, 1))
            name = self.settings.select_by
            if name not in scores:
                raise UserError(f"training.select_by = {name!r} is not a score of this data: {', '.join(scores)}.")
            score = scores[name]
        row["seconds"] = round(self.at["seconds"], 1)
        self.at["history"].append(row)
        if self.at["best"] is None or score > self.at["best"]["score"]:
            self.at["best"] = {"epoch": row["epoch"], "name": name, "score": score}
            with self._written_weights():
                self._save_preset(row)
        write_history(self.run / HISTORY, self.at["history"])
        draw_curves(self.run / CURVES, self.at["history"])
        self.show.scores(row, best=self.at["best"]["epoch"] == row["epoch"])

    def _decode(self) -> dict[str, float]:
        examples = self.prepared.dev_examples
        with self._written_weights():
            written = decode_source(
                self.captioner,
                self.prepared.dev_source,
                beam_size=self.settings.evaluate_beam_size,
                batch_size=self.settings.evaluate_batch_size,
            )
        predictions = {examples[index].id: captions[0].text for index, captions in written.items()}
        report = score_split(self.prepared.dataset, examples, predictions, self.captioner.settings.text.tokeniser)
        distinct = len(set(predictions.values())) / max(len(predictions), 1)
        self.show.samples(examples, predictions, at=self.at["epoch"])
        if distinct < COLLAPSED and len(predictions) >= 100:
            self.show.warn(
                f"Only {distinct:.1%} of the captions are distinct: the decoder says much the same of every image. "
                "That is usual in the first epoch; later, lower training.learning_rate."
            )
        return {**report.scores, "distinct_captions": distinct}

    def _written_weights(self):
        return _Averaged(self.network)

    def _save_preset(self, row: dict[str, Any]) -> None:
        dataset = self.prepared.dataset
        self.captioner.save_preset(
            self.run,
            {
                "recipe": self.prepared.recipe.name,
                "data_set": {"name": dataset.name, "splits": dataset.splits(), "licence": dataset.licence},
                "scores": {"split": "dev", "beam_size": self.settings.evaluate_beam_size, **row},
                "trained": {"epochs": row["epoch"], "steps": row["steps"], "seconds": row["seconds"]},
            },
        )


def compile_network(captioner: ImageCaptioner, recipe: Recipe, steps_per_epoch: int) -> CaptionNetwork:
    """The captioner's network with loss and optimiser, all variables made."""
    training = recipe.training
    network = captioner.network
    network.attention_penalty = training.attention_penalty
    optimiser = build_optimiser(
        training.optimizer,
        training.learning_rate,
        steps=steps_per_epoch * training.epochs,
        schedule=training.schedule,
        warmup_steps=training.warmup_steps,
        final_learning_rate=training.final_learning_rate,
        weight_decay=training.weight_decay,
        clip_norm=training.clip_norm,
        clip_value=training.clip_value,
        average_weights=training.average_weights,
    )
    network.compile(optimizer=optimiser, loss=MaskedCrossEntropy(training.label_smoothing), jit_compile=training.xla)
    optimiser.build(network.trainable_variables)
    return network


class _Keeper(keras.callbacks.Callback):
    """Counts steps and seconds, saves checkpoints, and stops where the loss is no number."""

    def __init__(self, training: Training, tell):
        super().__init__()
        self.training, self.tell = training, tell
        self.saved = self.before = time.monotonic()
        # `fit` clears the metrics at the beginning of an epoch, also of one that goes on.
        self.metrics = [np.asarray(value) for value in training.network.metrics_variables]

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0 and self.training.at["step"]:
            for variable, value in zip(self.training.network.metrics_variables, self.metrics, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        at = self.training.at
        at["step"] += 1
        at["seconds"] += now - self.before
        self.before = now
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise UserError(
                f"The loss is {loss} at epoch {at['epoch'] + 1}, step {at['step']:,}. The best model so far is kept in "
                f"{self.training.run}. Begin again with a lower training.learning_rate or training.clip_norm."
            )
        self.tell(at["step"], loss)
        if now - self.saved > 60 * self.training.settings.checkpoint_minutes:
            self.training._save()
            self.saved = now

    # `fit` ends by putting the moving averages in place of the weights. Training goes on with the weights.
    def on_epoch_end(self, epoch, logs=None):
        self.weights = [np.asarray(variable) for variable in self.training.network.trainable_variables]

    def on_train_end(self, logs=None):
        for variable, value in zip(self.training.network.trainable_variables, self.weights, strict=True):
            variable.assign(value)


class _Averaged:
    """Within it the network has the moving average of its weights, where the optimiser keeps one."""

    def __init__(self, network: keras.Model):
        self.network = network

    def __enter__(self):
        optimiser = self.network.optimizer
        if optimiser.use_ema:
            variables = self.network.trainable_variables
            self.kept = [np.asarray(variable) for variable in variables]
            optimiser.finalize_variable_values(variables)

    def __exit__(self, *_):
        if self.network.optimizer.use_ema:
            for variable, value in zip(self.network.trainable_variables, self.kept, strict=True):
                variable.assign(value)
