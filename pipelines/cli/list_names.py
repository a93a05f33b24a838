"""`captioner list`."""

from importlib import import_module
from typing import Annotated

import typer

from pipelines.utils.console import load_keras, log, table

REGISTRIES = {
    "cells": ["captioner.cells:CELLS"],
    "encoders": ["captioner.encoders:ENCODERS"],
    "question-encoders": ["captioner.question_encoders:QUESTION_ENCODERS"],
    "fusions": ["captioner.fusions:FUSIONS"],
    "decoders": ["captioner.decoders:DECODERS"],
    "datasets": ["pipelines.data.datasets:DATASETS"],
    "question-datasets": ["pipelines.data.question_datasets:QUESTION_DATASETS"],
    "metrics": [
        "captioner.metrics:METRICS", "captioner.metrics:ANSWER_METRICS", "captioner.metrics:LABEL_METRICS",
        "pipelines.evaluation.metrics:DATA_METRICS",
    ],
    "tokenizers": ["captioner.text:TOKENIZERS"],
}  # fmt: skip


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="cells, encoders, question-encoders, fusions, decoders, datasets, question-datasets, recipes, "
            "metrics, models, tokenizers; settings."
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Argument(help="After `settings`: the recipe (or TOML file) whose settings are listed.")
    ] = None,
):
    """List what can be chosen by name, or all settings of a recipe with type, default and meaning."""
    from captioner.errors import alternatives
    from captioner.presets.installed import CARD, MODELS, installed_models, model_summary
    from pipelines.recipes.recipe import recipe_names, recipe_summary

    if kind == "settings":
        return _list_settings(recipe)
    if recipe is not None:
        raise typer.BadParameter("it goes with `captioner list settings`.", param_hint="RECIPE")
    if kind == "recipes":
        return table([kind, ""], [[name, recipe_summary(name)] for name in recipe_names()])
    if kind == "models":
        table([kind, ""], [[name, model_summary(name)] for name in installed_models()])
        return log(f"All about a model is in its card, {MODELS / 'NAME' / CARD}")
    if kind is None or kind not in REGISTRIES:
        kinds = [*REGISTRIES, "models", "recipes", "settings"]
        raise typer.BadParameter(f"there is no such list.{alternatives(kind or '', kinds)}", param_hint="KIND")
    rows = []
    for path in REGISTRIES[kind]:
        module, _, name = path.partition(":")
        registry = getattr(import_module(module), name)
        rows += [[name, registry.summary(name)] for name in registry.names()]
    return table([kind, ""], rows)


def _list_settings(name: str | None) -> None:
    """Prints what `--set` takes for a recipe, with the values that it has; without a recipe, for each kind of recipe.

    A line is as long as it needs to be: tables of so many columns are hard to read in a terminal.
    """
    from pipelines.recipes.describe import describe_options, describe_settings
    from pipelines.recipes.recipe import load_recipe
    from pipelines.recipes.task_registry import RECIPE_KINDS

    recipe = load_recipe(name) if name else None
    for kind in [recipe.kind] if recipe else RECIPE_KINDS.names():
        if not recipe:
            log(f"\nRecipes of kind {kind}\n")
        settings = list(describe_settings(RECIPE_KINDS.get(kind)))
        values = [value for _, _, value, _ in describe_settings(type(recipe), recipe)] if recipe else None
        for index, (path, kind_of_value, default, meaning) in enumerate(settings):
            value = values[index] if values else default
            but = "" if value == default else f", default {default}"
            log(f"{f'{path} = {value}':<44}  # {kind_of_value}{but}: {meaning}")
    if recipe:
        load_keras()
        for path, kind_of_value, value, meaning in describe_options(recipe):
            log(f"{f'{path} = {value}':<44}  # {kind_of_value}: {meaning}")
