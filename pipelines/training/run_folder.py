"""A run's folder: what it holds of its recipe, and the data that goes with it."""

from pathlib import Path
from typing import Any

from captioner.errors import MOST_LISTED, UserError
from captioner.files import atomic_write, refuse_link
from captioner.presets.folder import VOCABULARY
from captioner.presets.installed import CONFIG, METADATA, MODELS, WEIGHTS, model_folder
from captioner.text.vocabulary import Vocabulary
from pipelines.data.datasets import read_dataset
from pipelines.data.examples import DataSet
from pipelines.data.open import open_captions
from pipelines.recipes.describe import describe_settings
from pipelines.recipes.recipe import AnyRecipe, as_toml, load_recipe
from pipelines.training.checkpoint import read_progress
from pipelines.utils.progress import Reporter

RECIPE, WORDS = "recipe.toml", "words.txt"
# Other files that a training writes; the recipe is there before any of them.
_WRITTEN = (CONFIG, WEIGHTS, METADATA, VOCABULARY, WORDS, "metrics.csv", "curves.png")


def open_run(recipe: AnyRecipe, run: Path) -> dict[str, Any] | None:
    """Where a run stands; a folder that is there has to be of the same experiment.

    Returns:
        where the run stands, or None if it has no checkpoint yet.

    Raises:
        UserError: the folder holds a training with other settings.
    """
    if (run / RECIPE).is_file():
        there = load_recipe(str(run / RECIPE))
        if there != recipe and (differing := _differences(there, recipe)):
            raise UserError(
                f"{run} holds a training with other settings ({run / RECIPE}): {'; '.join(differing[:MOST_LISTED])}. "
                "Give another folder with --out, or delete that one."
            )
    elif others := [name for name in _WRITTEN if (run / name).exists()]:
        raise UserError(
            f"{run} is not a run of this program (it has no {RECIPE}), and training would replace its {others[0]}. "
            "Nothing was changed: give another folder with --out."
        )
    return read_progress(run)


def keep_recipe(recipe: AnyRecipe, run: Path) -> None:
    """Writes down what must not change when the run goes on."""
    atomic_write(run / RECIPE, as_toml(recipe))


def _differences(there: AnyRecipe, here: AnyRecipe) -> list[str]:
    """Settings that matter and differ, with both values."""
    if there.kind != here.kind:
        return [f"kind = {there.kind} there, {here.kind} here"]
    before, now = _settings_that_matter(there), _settings_that_matter(here)
    return [
        f"{name} = {before.get(name, 'none')} there, {now.get(name, 'none')} here"
        for name in dict.fromkeys((*now, *before))
        if before.get(name) != now.get(name)
    ]


def _settings_that_matter(recipe: AnyRecipe) -> dict[str, str]:
    """Settings by their dotted names, as TOML, without those that change nothing of what is learned."""
    free = {"description", "data.directory", "training.checkpoint_minutes"}
    return {name: text for name, _, text, _ in describe_settings(type(recipe), recipe) if name not in free}


def kept_words(recipe: AnyRecipe, run: Path) -> Vocabulary | None:
    """The words that a run has kept: they are counted once, when it begins."""
    return Vocabulary.load(run / WORDS, recipe.text.tokenizer) if (run / WORDS).is_file() else None


def keep_words(vocabulary: Vocabulary | None, run: Path) -> None:
    if vocabulary is not None:
        vocabulary.save(run / WORDS)


def folder_of(run: Path) -> Path:
    """Where a run's files go: its folder, or `runs/NAME` for a model that is installed with the package.

    Raises:
        UserError: there is no such model.
    """
    folder = model_folder(run)
    return Path("runs") / folder.name if folder.resolve().parent == MODELS.resolve() else folder


def evaluation_folder(run: Path, split: str, more: str = "") -> Path:
    """Where the report of a split is written where the user names no folder.

    Raises:
        UserError: it is a link, which may lead out of the run.
    """
    folder = run / f"evaluation-{split}{more}"
    refuse_link(folder)
    return folder


def recipe_of(run: Path, kind: str) -> AnyRecipe:
    """The recipe that a run was trained with.

    Raises:
        UserError: the folder holds none, or one of another kind.
    """
    if not (run / RECIPE).is_file():
        raise UserError(f"{run} does not say which data it was trained on (it has no {RECIPE}). Give --data DIR.")
    return load_recipe(str(run / RECIPE), kind=kind)


def data_of(run: Path, data: Path | None, reporter: Reporter) -> DataSet:
    """The captions in a folder; those that a run was trained on where none is given.

    Raises:
        UserError: the run has no recipe, or the data cannot be read.
    """
    if data is not None:
        return read_dataset(data)
    return open_captions(None, recipe_of(run, kind="captioner").source, reporter.log)


def split_of(dataset: DataSet, split: str | None):
    try:
        return dataset.split(split or "test")
    except UserError as error:
        raise UserError(str(error) if split else f"{error} Choose one with --split.") from None
