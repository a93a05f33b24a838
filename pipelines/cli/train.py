"""`captioner train`."""

from pathlib import Path
from typing import Annotated

import typer

from captioner.errors import UserError
from pipelines.cli.options import Cache, Data, Recipe, Weights, flag
from pipelines.utils.console import load_keras


def train(  # noqa: PLR0913 - one parameter an option
    recipe: Recipe,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/RECIPE.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, like decoder.units=256; may be repeated.")
    ] = None,
    init_from: Annotated[Path | None, typer.Option(help="Preset whose weights and words to begin with.")] = None,
    init_from_language: Annotated[
        Path | None, typer.Option(help="Language model whose weights the decoder begins with.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print parameters, disk, memory and time.")] = False,
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Train a recipe. Stopped at any moment, the same command goes on."""
    from pipelines.recipes.recipe import load_recipe

    chosen = load_recipe(recipe, settings or [])
    run = out or Path("runs") / chosen.name
    options = {
        "data": data, "init_from": init_from, "init_from_language": init_from_language,
        "encoder_weights": encoder_weights, "cache": cache,
    }  # fmt: skip
    options = {name: value for name, value in options.items() if value is not None}
    for name in options:
        if name not in ("cache", *chosen.train_options):
            raise UserError(f"{flag(name)} means nothing to {chosen.name}, a recipe of kind {chosen.kind}.")
    options["cache"] = cache or run.absolute().parent / "cache"
    if dry_run and chosen.kind != "captioner":
        raise typer.BadParameter(f"it estimates the cost of captioners, not of a recipe of kind {chosen.kind!r}.")
    load_keras()
    if dry_run:
        from pipelines.tasks.captioning.dry_run import dry_run as estimate_cost

        estimate_cost(chosen, **{name: value for name, value in options.items() if name != "init_from_language"})
        return
    from pipelines.training.experiment import train as train_recipe

    train_recipe(chosen, run, **{name: value for name, value in options.items() if name in chosen.train_options})
