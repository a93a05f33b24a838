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

# The training of a recipe, a class of `pipelines.training.experiment.Experiment`.
EXPERIMENTS = Registry(
    "kind of recipe",
    {
        "captioner": "pipelines.tasks.captioning.train:CaptioningExperiment",
        "language": "pipelines.tasks.language.train:LanguageExperiment",
        "sequence": "pipelines.tasks.sequences.train:SequenceExperiment",
        "glimpses": "pipelines.tasks.glimpses.train:GlimpseExperiment",
        "visual_qa": "pipelines.tasks.vqa.train:VisualQAExperiment",
    },
)
