"""The kinds of experiments. A recipe says its kind; one that does not is a captioner's."""

import inspect

from captioner.errors import UserError
from captioner.registry import Registry

# The settings of a recipe, a class of `pipelines.settings.AnyRecipe`.
RECIPE_KINDS = Registry(
    "kind of recipe",
    {
        "captioner": "pipelines.settings:Recipe",
        "language": "pipelines.language.settings:LanguageRecipe",
        "sequence": "pipelines.sequences.settings:SequenceRecipe",
    },
)

# `train(recipe, run, **options)`: trains a recipe into a run folder, or goes on with what is there. Options that the
# command line was not given are not passed; one that the function does not take is refused.
TRAINERS = Registry(
    "kind of recipe",
    {
        "captioner": "pipelines.train:train",
        "language": "pipelines.language.train:train",
        "sequence": "pipelines.sequences.train:train",
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
    taken = inspect.signature(train).parameters
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in taken and name != "cache":
            raise UserError(
                f"--{name.replace('_', '-')} means nothing to {recipe.name}, a recipe of kind {recipe.kind}."
            )
    train(recipe, run, **{name: value for name, value in given.items() if name in taken})
