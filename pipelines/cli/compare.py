"""`captioner compare`: several evaluations side by side, then pair by pair with the first."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.utils.console import log, paragraph, table


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Runs, evaluation folders or metrics.json files.")],
    form: Annotated[str, typer.Option("--format", help="table, or markdown to paste into a document.")] = "table",
):
    """Show the scores of several evaluations side by side, and whether they differ by more than chance."""
    from pipelines.evaluation.compare import read_evaluations
    from pipelines.evaluation.reports.comparison import compare_evaluations
    from pipelines.evaluation.reports.markdown import markdown_table

    if form not in ("table", "markdown"):
        raise typer.BadParameter("there are two: table and markdown.", param_hint="--format")
    for block in compare_evaluations(read_evaluations(runs)):
        if not block.head:
            paragraph(block.text, error=block.warning)
        elif form == "markdown":
            lines = markdown_table(block.head, block.rows, "l" + "r" * (len(block.head) - 1))
            log("\n".join(["", *lines]))
        else:
            table(block.head, block.rows, numbers=block.numbers)
