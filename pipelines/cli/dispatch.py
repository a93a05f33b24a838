"""The kind of a recipe or a model, and what the command `train` starts for it."""

import json
from pathlib import Path

from captioner.errors import UserError
from pipelines.cli.options import flag


def start_training(recipe, run: Path, *, cache: Path | None = None, reporter=None, **options) -> None:
    """Trains a recipe with the trainer of its kind.

    Args:
        recipe: what to train, an `AnyRecipe`.
        run: folder of the run.
        cache: where features are kept, by the kinds that compute any.
        reporter: where progress is logged.
        options: those of the command line, None where they were not given.

    Raises:
        UserError: an option was given that means nothing to this kind.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in recipe.train_options:
            raise UserError(f"{flag(name)} means nothing to {recipe.name}, a recipe of kind {recipe.kind}.")
    if cache is not None and "cache" in recipe.train_options:
        given["cache"] = cache
    from pipelines.training.experiment import train

    train(recipe, run, reporter=reporter, **given)


def kind_of_model(folder) -> str:
    """What the preset in a folder says it is; the evaluator says what is wrong where it says nothing."""
    from captioner.presets.atomic_folder import current_path
    from captioner.presets.folder import CONFIG
    from captioner.presets.installed import model_folder

    try:
        return str(json.loads(current_path(model_folder(folder), CONFIG).read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # a UserError is a ValueError
        return "captioner"
