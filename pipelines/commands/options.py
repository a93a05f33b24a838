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
Weight = Annotated[float, typer.Option("--language-weight", help="How much of a say; the captioner's own counts 1.")]
