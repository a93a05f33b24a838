"""`captioner average`: one model out of several that began as the same."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.utils.console import log


def average(
    models: Annotated[list[Path], typer.Argument(help="Two models or more that began as the same one.")],
    out: Annotated[Path, typer.Option(help="Folder of the new model.")],
    share: Annotated[
        list[float] | None, typer.Option(help="Of each model in the mean, in their order; equal ones by default.")
    ] = None,
    half_precision: Annotated[
        bool, typer.Option("--half-precision", help="Store the weights in half of the space.")
    ] = False,
):
    """Write the model whose weights are the mean of several: of runs with other seeds, or of a start and its end."""
    from captioner.presets.weight_averaging import average_weights

    average_weights(models, out, share, half_precision)
    log(f"The mean of {len(models)} models is in {out}")
