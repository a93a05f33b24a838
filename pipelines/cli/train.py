"""`captioner train`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from captioner.errors import UserError
from pipelines.cli.options import Cache, Changes, Data, DryRun, Out, Recipe, Weights, flag
from pipelines.utils.console import load_keras


def train(  # noqa: PLR0913 - one parameter an option
    recipe: Recipe,
    data: Data = None,
    out: Out = None,
    settings: Changes = None,
    init_from: Annotated[Path | None, typer.Option(help="Preset whose weights and words to begin with.")] = None,
    init_from_language: Annotated[
        Path | None, typer.Option(help="Language model whose weights the decoder begins with.")
    ] = None,
    dry_run: DryRun = False,
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Train a recipe. Stopped at any moment, the same command goes on."""
    options = {
        "data": data, "init_from": init_from, "init_from_language": init_from_language,
        "encoder_weights": encoder_weights, "cache": cache,
    }  # fmt: skip
    start_training(recipe, settings or [], out, dry_run, options)


def start_training(
    recipe: str,
    settings: Sequence[str],
    out: Path | None,
    dry_run: bool,
    options: Mapping[str, Path | None],
    kind: str | None = None,
) -> None:
    """Trains a recipe, or estimates what it costs.

    Args:
        recipe, settings, kind: see `load_recipe`.
        out: folder of the run; by default runs/RECIPE.
        dry_run: only estimate.
        options: those of `captioner train` that were given; others are None.

    Raises:
        UserError: an option means nothing to the recipe; or see `Experiment.train`.
    """
    from pipelines.recipes.recipe import load_recipe

    chosen = load_recipe(recipe, settings, kind)
    run = out or Path("runs") / chosen.name
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in ("cache", *chosen.train_options):
            raise UserError(f"{flag(name)} means nothing to {chosen.name}, a recipe of kind {chosen.kind}.")
    given = {"cache": run.absolute().parent / "cache"} | given
    used = {name: value for name, value in given.items() if name in chosen.train_options}
    load_keras()
    if dry_run:
        from pipelines.training.dry_run import dry_run as estimate_cost

        estimate_cost(chosen, **used)
    else:
        from pipelines.training.experiment import train as train_recipe

        train_recipe(chosen, run, **used)
