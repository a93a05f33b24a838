"""`captioner train`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Cache, Data, Weights
from pipelines.utils.console import load_keras


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (see `captioner list recipes`) or a TOML file.")],
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
    from pipelines.cli.dispatch import start_training
    from pipelines.recipes.recipe import load_recipe

    chosen = load_recipe(recipe, settings or [])
    run = out or Path("runs") / chosen.name
    cache = cache or run.absolute().parent / "cache"
    if dry_run:
        load_keras()
        from pipelines.tasks.captioning.dry_run import dry_run as estimate_cost

        if chosen.kind != "captioner":
            raise typer.BadParameter(f"it tells about captioners, not about a recipe of kind {chosen.kind!r}.")
        estimate_cost(chosen, data=data, cache=cache, init_from=init_from, encoder_weights=encoder_weights)
        return
    load_keras()
    options = {
        "data": data, "init_from": init_from, "init_from_language": init_from_language,
        "encoder_weights": encoder_weights,
    }  # fmt: skip
    start_training(chosen, run, cache=cache, **options)
