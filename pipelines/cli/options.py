"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Weights = Annotated[
    Path | None,
    typer.Option("--encoder-weights", help="File with the frozen network's weights, instead of a download."),
]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the data set, in any supported layout.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder where features of frozen networks are kept.")]
Language = Annotated[
    Path | None, typer.Option("--language-model", help="A language model of words that has a say in the search.")
]
Weight = Annotated[
    float | None, typer.Option("--language-weight", help="How much of a say, 0.3 by default; the captioner's own is 1.")
]


def language_of(model: Path | None, weight: float | None) -> tuple[Path, float] | None:
    """A language model and how much of a say it has, or None.

    Raises:
        typer.BadParameter: the say of no model.
    """
    if model is None and weight is not None:
        raise typer.BadParameter("it goes with --language-model.", param_hint="--language-weight")
    return None if model is None else (model, 0.3 if weight is None else weight)
