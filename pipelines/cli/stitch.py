"""`captioner stitch`: a trained model behind another encoder."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Cache, Data, Recipe, Weights
from pipelines.utils.console import load_keras


def stitch(
    model: Annotated[Path, typer.Argument(help="Folder of the run, or any model, whose words and decoder are kept.")],
    recipe: Recipe,
    out: Annotated[Path, typer.Option(help="Folder of the new model.")],
    data: Data = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the recipe, like encoder.pool=2; may be repeated.")
    ] = None,
    images: Annotated[int, typer.Option(min=10, help="Images of the training split to compare the encoders by.")] = 320,
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Put a model's decoder behind a recipe's encoder, to train it on with --init-from: quicker than from nothing."""
    from captioner.errors import UserError
    from captioner.files import locked_folder
    from captioner.presets.folder import is_preset
    from pipelines.recipes.recipe import load_recipe

    chosen = load_recipe(recipe, settings or [], kind="captioner")
    with locked_folder(out):
        if is_preset(out):
            raise UserError(f"There is a model in {out} already. Give another folder with --out.")
        load_keras()
        from pipelines.tasks.captioning.stitch import stitch_captioner

        stitch_captioner(model, chosen, out, data=data, images=images, encoder_weights=encoder_weights, cache=cache)
