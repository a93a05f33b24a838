"""What the commands `train` and `evaluate` start, by the kind of recipe or model."""

import inspect
import json
from collections.abc import Sequence

from captioner.errors import UserError
from pipelines.inference.search_options import flag
from pipelines.recipes.task_registry import EVALUATORS, TRAINERS


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


def start_evaluation(run, **options):
    """Evaluates a run with the evaluator of its model's kind, and returns what that found.

    Args:
        run: folder of the run, or any preset.
        options: those of the command line, None where they were not given.

    Raises:
        UserError: an option was given that means nothing to this kind.
    """
    kind = _kind_of_model(run)
    evaluate = EVALUATORS.get(kind if kind in EVALUATORS else "captioner")  # which says what is wrong with others
    given = _fitting(evaluate, options, f"the model in {run}, which is of kind {kind}")
    return evaluate(run, **given)


def start_scoring(predictions, references, **options):
    """Scores captions that came as a file, and returns what that found.

    Args:
        predictions, references: the files, see `pipelines.tasks.captioning.evaluate.evaluate_predictions`.
        options: those of the command line, None where they were not given.

    Raises:
        UserError: an option was given that means nothing to captions that are written already.
    """
    from pipelines.tasks.captioning.evaluate import evaluate_predictions

    whose = f"the captions in {predictions}, which are written already"
    return evaluate_predictions(predictions, references, **_fitting(evaluate_predictions, options, whose, spared=()))


def _kind_of_model(folder) -> str:
    """What the preset in a folder says it is; the evaluator says what is wrong where it says nothing."""
    from captioner.presets.atomic_folder import place
    from captioner.presets.folder import CONFIG
    from captioner.presets.installed import model_folder

    try:
        return str(json.loads(place(model_folder(folder), CONFIG).read_text(encoding="utf-8"))["kind"])
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
