"""`captioner list`."""

from typing import Annotated

import typer

from pipelines.utils.console import log, table


def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            help="cells, encoders, question-encoders, fusions, decoders, datasets, question-datasets, recipes, "
            "metrics, models, tokenizers."
        ),
    ],
):
    """List what can be chosen by name."""
    if kind == "recipes":
        from pipelines.recipes.recipe import recipe_names, recipe_summary

        table([kind, ""], [[name, recipe_summary(name)] for name in recipe_names()])
        return
    if kind == "models":
        from captioner.presets.installed import CARD, MODELS, installed_models, model_summary

        table([kind, ""], [[name, model_summary(name)] for name in installed_models()])
        log(f"All about a model is in its card, {MODELS / 'NAME' / CARD}")
        return
    places = {
        "cells": ["captioner.cells:CELLS"],
        "encoders": ["captioner.encoders:ENCODERS"],
        "question-encoders": ["captioner.question_encoders:QUESTION_ENCODERS"],
        "fusions": ["captioner.fusions:FUSIONS"],
        "decoders": ["captioner.decoders:DECODERS"],
        "datasets": ["pipelines.data.datasets:DATASETS"],
        "question-datasets": ["pipelines.data.question_datasets:QUESTION_DATASETS"],
        "metrics": ["captioner.metrics:METRICS", "captioner.metrics:ANSWER_METRICS"],
        "tokenizers": ["captioner.text:TOKENIZERS"],
    }
    if kind not in places:
        raise typer.BadParameter(f"there are lists of {', '.join(places)}, models and recipes.", param_hint="KIND")
    from importlib import import_module

    rows = []
    for place in places[kind]:
        module, _, name = place.partition(":")
        registry = getattr(import_module(module), name)
        rows += [[name, registry.summary(name)] for name in registry.names()]
    table([kind, ""], rows)
