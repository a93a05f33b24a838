"""The kind of a recipe or a model, and what the command `train` starts for it."""

import inspect
import json
from collections.abc import Sequence

from captioner.errors import UserError
from pipelines.cli.options import flag
from pipelines.recipes.task_registry import TRAINERS


def start_training(recipe, run, **options) -> None:
    """Trains a recipe with the trainer of its kind.

    Args:
        recipe: what to train.
        run: folder of the run.
        options: those of the command line, None where they were not given; `cache` goes to whoever takes it.

    Raises:
        UserError: an option was given that means nothing to this kind.
    """
    train = TRAINERS.get(recipe.kind)
    train(recipe, run, **_fitting(train, options, f"{recipe.name}, a recipe of kind {recipe.kind}"))


def kind_of_model(folder) -> str:
    """What the preset in a folder says it is; the evaluator says what is wrong where it says nothing."""
    from captioner.presets.atomic_folder import current_path
    from captioner.presets.folder import CONFIG
    from captioner.presets.installed import model_folder

    try:
        return str(json.loads(current_path(model_folder(folder), CONFIG).read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # a UserError is a ValueError
        return "captioner"


def _fitting(function, options: dict, whose: str, spared: Sequence[str] = ("cache",)) -> dict:
    """The options that were given and that a function takes; those that are `spared` go to whoever takes them."""
    taken = inspect.signature(function).parameters
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in taken and name not in spared:
            raise UserError(f"{flag(name)} means nothing to {whose}.")
    return {name: value for name, value in given.items() if name in taken}
