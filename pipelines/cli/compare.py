"""`captioner compare`."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Runs, evaluation folders or metrics.json files.")],
    form: Annotated[str, typer.Option("--format", help="table, or markdown to paste into a document.")] = "table",
):
    """Reporter the scores of several evaluations side by side, and whether they differ by more than chance."""
    from pipelines.cli.compare_command import tell_comparison

    if form not in ("table", "markdown"):
        raise typer.BadParameter("there are two: table and markdown.", param_hint="--format")
    tell_comparison(runs, as_markdown=form == "markdown")
