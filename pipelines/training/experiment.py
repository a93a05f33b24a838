"""The order of a training, the same for all tasks: open the run, guard its data, seed, build, keep, train, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.files import locked_folder
from captioner.text.vocabulary import Vocabulary
from pipelines.data.examples import Problem
from pipelines.recipes.recipe import AnyRecipe
from pipelines.recipes.task_registry import EXPERIMENTS
from pipelines.training.loop import Batches, EvalResult, TrainingLoop
from pipelines.training.resume_guard import DataIdentity, check_same_data, check_same_networks, keep_data
from pipelines.training.run_folder import keep_recipe, keep_words, kept_words, open_run
from pipelines.utils.progress import Reporter


def train(recipe: AnyRecipe, run: str | Path, *, reporter: Reporter | None = None, **options) -> Path:
    """Trains a recipe of any kind into a run folder, or goes on with the training that is there.

    Args:
        recipe: what to train.
        run: folder of the run.
        reporter: where progress is logged; standard output by default.
        options: those of the kind, such as `data`; see the `Experiment` of the task. The recipe's class names them in
            `train_options`.

    Raises:
        UserError: see `Experiment.train`.
    """
    return EXPERIMENTS.get(recipe.kind)(recipe, reporter=reporter, **options).train(run)


def no_development(thing: str, state: str, root: Path, problems: Sequence[Problem]) -> UserError:
    """The error that no epoch could be chosen; raised before the first step.

    Args:
        thing, state: what would be evaluated, and what none of them is.
        root: of the data.
        problems: with the images.
    """
    first = f" The first problem: {problems[0]}." if problems else ""
    return UserError(
        f"None of the development {thing}s in {root} {state}, so no epoch could be evaluated.{first} "
        "Mend them, or leave the development split out: then the loss chooses the best epoch."
    )


class Experiment:
    """One training of a recipe. A task says in a subclass what is its own.

    Args:
        recipe: what to train.
        reporter: where progress is logged; standard output by default.

    Attributes:
        network: set by `build` or `prepare_batches`; compiled by `compile_network`, all variables made. Its metrics,
            states and seeds are part of the checkpoint if they are Keras variables of the network.
        batches: set there, too; those to learn from.
        encoder: set by `build` where a frozen network sees the images.
        vocabulary: set by `build` where the network reads or writes words.
        init_from: preset whose weights the training starts with.
        resumed: whether the run goes on from a checkpoint.
    """

    network: keras.Model
    batches: Batches
    encoder: Encoder | None = None
    vocabulary: Vocabulary | None = None
    init_from: Path | None = None
    resumed = False

    def __init__(self, recipe: AnyRecipe, reporter: Reporter | None = None):
        self.recipe, self.reporter = recipe, reporter or Reporter()

    def open_data(self) -> DataIdentity | None:
        """Reads the data, and returns what a run that goes on must find again; None where the recipe alone says it."""
        raise NotImplementedError

    def build(self, words: Vocabulary | None) -> Vocabulary | None:
        """Builds the model; a fresh one unless `resumed`, whose weights the checkpoint replaces.

        Args:
            words: those that the run has kept, if it has.

        Returns:
            words for the run to keep, or None.
        """
        raise NotImplementedError

    def prepare_batches(self) -> None:
        """What may take long and comes after the recipe is kept, such as computing features."""

    def prepare_dry_run(self) -> str:
        """Makes the batches of noise in place of images, so that steps can be measured before any image is read.

        Returns:
            what computing and keeping features would take; nothing where no images are seen.
        """
        return ""

    def evaluate(self, epoch: int, loss: float) -> EvalResult:
        """Measures the network as it is now, on data that it does not learn from; `loss` is the epoch's own."""
        raise NotImplementedError

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        """Writes the model as a preset; `facts` go into its metadata."""
        raise NotImplementedError

    def describe(self) -> str:
        """The sizes of the network and of an epoch, in a line."""
        words = f"{len(self.vocabulary):,} words, " if self.vocabulary else ""
        return f"{self.network.count_params():,} parameters, {words}{self.batches.steps:,} steps an epoch"

    def report(self, run: Path) -> None:
        """What is done with the best model, in the run's folder, after the last epoch."""

    def train(self, run: str | Path) -> Path:
        """Trains into a run folder, or goes on with the training that is there.

        The preset in the folder is always that of the best epoch so far.

        Raises:
            UserError: the folder holds another experiment or was begun with other data, the data cannot be used, or the
                loss becomes NaN or infinite.
        """
        with locked_folder(Path(run)) as folder:
            return self._train(folder)

    def _train(self, run: Path) -> Path:
        recipe = self.recipe
        progress = open_run(recipe, run)
        self.resumed = progress is not None
        identity = self.open_data()
        check_same_data(identity, run)
        keras.utils.set_random_seed(recipe.training.seed)  # of the first weights and of dropout
        words = self.build(kept_words(recipe, run))
        if self.resumed:
            check_same_networks(run, self.encoder, self.init_from, self.reporter.warn)
        else:  # nothing is written before all settings are known to fit
            keep_recipe(recipe, run)
            keep_data(identity, run, self.encoder, self.init_from)
            keep_words(words, run)
        self.prepare_batches()
        loop = TrainingLoop(self, run, progress)
        self.reporter.log(self.describe())
        loop.run_epochs()
        self.report(run)
        return run
