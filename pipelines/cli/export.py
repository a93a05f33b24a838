"""`captioner export`: a model as files that other programs run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import Weights
from pipelines.utils.console import load_keras, log


def export(
    model: Annotated[Path, typer.Argument(help="Folder of a run or preset, or the name of an installed model.")],
    format: Annotated[
        Literal["savedmodel", "onnx", "openvino"],
        typer.Option(help="savedmodel: TensorFlow alone; onnx and openvino: captioner.runtime, or the engine itself."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the exported model; new or empty.")],
    precision: Annotated[
        Literal["float32", "int8"], typer.Option(help="Of the frozen network; int8 is faster and a little different.")
    ] = "float32",
    images: Annotated[
        list[Path] | None,
        typer.Option(help="Images, or folders of them, like those it will see; int8 needs some. May be repeated."),
    ] = None,
    encoder_weights: Weights = None,
):
    """Export a model, with its words and settings, and say how far it differs from the original."""
    from captioner.files import locked_file
    from pipelines.export.write import ExportOptions, export_model

    options = ExportOptions(format, precision, tuple(images or ()), encoder_weights)
    with locked_file(out):
        load_keras()
        export_model(model, out, options, log)
    log(f"The exported model is in {out}")
