"""The tasks. A recipe says its kind; one that does not is a captioner's. Nothing is imported before it is asked for."""

from captioner.registry import Registry

# The settings of a recipe, a class of `pipelines.recipes.recipe.AnyRecipe`.
RECIPE_KINDS = Registry(
    "kind of recipe",
    {
        "captioner": "pipelines.tasks.captioning.settings:Recipe",
        "language": "pipelines.tasks.language.settings:LanguageRecipe",
        "sequence": "pipelines.tasks.sequences.settings:SequenceRecipe",
        "glimpses": "pipelines.tasks.glimpses.settings:GlimpseRecipe",
        "visual_qa": "pipelines.tasks.vqa.settings:VisualQARecipe",
    },
)

# `train(recipe, run, **options)`: trains a recipe into a run folder, or goes on with what is there. The options are
# those that the recipe's class names in `train_options`.
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
