"""A run's folder, and the data that goes with it."""

from pathlib import Path

from captioner.errors import UserError
from captioner.presets.installed import MODELS, model_folder
from pipelines.data.examples import DataSet
from pipelines.utils.progress import Reporter


def folder_of(run: Path) -> Path:
    """Where a run's files go: its folder, or `runs/NAME` for a model that is installed with the package.

    Raises:
        UserError: there is no such model.
    """
    folder = model_folder(run)
    return Path("runs") / folder.name if folder.resolve().parent == MODELS.resolve() else folder


def data_of(run: Path, data: Path | None, reporter: Reporter) -> DataSet:
    from pipelines.data.datasets import read_dataset
    from pipelines.recipes.recipe import load_recipe
    from pipelines.tasks.captioning.build import open_data

    if data is not None:
        return read_dataset(data)
    if not (run / "recipe.toml").is_file():
        raise UserError(f"{run} does not say which data it was trained on (it has no recipe.toml). Give --data DIR.")
    return open_data(load_recipe(str(run / "recipe.toml")), None, reporter.log)


def split_of(dataset: DataSet, split: str | None):
    try:
        return dataset.split(split or "test")
    except UserError as error:
        raise UserError(str(error) if split else f"{error} Choose one with --split.") from None
