"""The kinds of experiments. A recipe says its kind; one that does not is a captioner's."""

import inspect
import json
from collections.abc import Sequence

from captioner.errors import UserError
from captioner.registry import Registry
from pipelines.inference.search_options import flag

# The settings of a recipe, a class of `pipelines.recipes.recipe.AnyRecipe`.
RECIPE_KINDS = Registry(
    "kind of recipe",
    {
        "captioner": "pipelines.recipes.recipe:Recipe",
        "language": "pipelines.tasks.language.settings:LanguageRecipe",
        "sequence": "pipelines.tasks.sequences.settings:SequenceRecipe",
        "glimpses": "pipelines.tasks.glimpses.settings:GlimpseRecipe",
        "visual_qa": "pipelines.tasks.vqa.settings:VisualQARecipe",
    },
)

# `train(recipe, run, **options)`: trains a recipe into a run folder, or goes on with what is there. Options that the
# command line was not given are not passed; one that the function does not take is refused.
TRAINERS = Registry(
    "kind of recipe",
    {
        "captioner": "pipelines.tasks.captioning.train:train",
        "language": "pipelines.tasks.language.train:train",
        "sequence": "pipelines.tasks.sequences.train:train",
        "glimpses": "pipelines.tasks.glimpses.train:train",
        "visual_qa": "pipelines.tasks.vqa.train:train",
    },
)

# `evaluate_run(run, **options)`: scores a trained model and writes a report; `.scores`, `.evaluated` and `.tables()` of
# what it returns are told. By the kind of model.
EVALUATORS = Registry(
    "kind of model to evaluate",
    {
        "captioner": "pipelines.tasks.captioning.evaluate:evaluate_run",
        "visual_qa": "pipelines.tasks.vqa.evaluate:evaluate_run",
    },
)


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
