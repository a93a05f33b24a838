"""`captioner calibrate`: what a model says of its own captions or answers, brought in line with what they are worth."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Cache, Data, Weights


def calibrate(
    model: Annotated[Path, typer.Argument(help="Folder of the run, or any model; its settings are changed.")],
    data: Data = None,
    split: Annotated[
        str, typer.Option(help="The split that decides; the model must not have learned from it.")
    ] = "dev",
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Store in a model below which score its captions are unsure, or how its answers' probabilities are scaled."""
    from captioner.files import locked_folder
    from captioner.presets.folder import kind_of_preset
    from captioner.presets.installed import model_folder

    if kind_of_preset(model) == "visual_qa":
        from pipelines.tasks.vqa.calibrate import calibrate_answers as calibrate_model
    else:  # which says what is wrong with other kinds
        from pipelines.tasks.captioning.calibrate import calibrate_captioner as calibrate_model
    with locked_folder(model_folder(model)):
        calibrate_model(model, data, split, encoder_weights=encoder_weights, cache=cache)
