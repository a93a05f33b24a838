"""`captioner compare`: systems side by side, and each with each other, image by image."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.utils.console import log, paragraph, table


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Runs, evaluation folders or metrics.json files; or captions: JSON as COCO's, csv, jsonl."),
    ],
    references: Annotated[
        Path | None, typer.Option(help="What to score files of captions against: a file, or the folder of a data set.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="The split of --references.")] = None,
    tokenizer: Annotated[str, typer.Option(help="Words of captions; see `captioner list tokenizers`.")] = "ptb",
    report: Annotated[
        Path | None, typer.Option(help="Folder for comparison.html, comparison.md and comparison.json.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images, for the pictures of the report.")] = None,
    form: Annotated[
        str, typer.Option("--format", help="On the terminal: table, or markdown to paste into a document.")
    ] = "table",
):
    """Show the scores of several systems side by side, and whether they differ by more than chance."""
    from pipelines.cli.command import command_line
    from pipelines.evaluation.evaluated import ReferenceOptions, read_evaluations
    from pipelines.evaluation.reports.comparison import compare_evaluations, compare_groups
    from pipelines.evaluation.reports.comparison_page import check_comparison_folder, write_comparison
    from pipelines.evaluation.reports.markdown import markdown_table

    if form not in ("table", "markdown"):
        raise typer.BadParameter("there are two: table and markdown.", param_hint="--format")
    if report is not None:
        check_comparison_folder(report)
    elif images is not None:
        raise typer.BadParameter("it is for the pictures of --report.", param_hint="--images")
    evaluations = read_evaluations(runs, ReferenceOptions(references, split, tokenizer))
    groups, sentences = compare_groups(evaluations)
    for block in compare_evaluations(groups, sentences):
        if not block.head:
            paragraph(block.text, error=block.warning)
        elif form == "markdown":
            lines = markdown_table(block.head, block.rows, "l" + "r" * (len(block.head) - 1))
            log("\n".join(["", *lines]))
        else:
            table(block.head, block.rows, numbers=block.numbers)
    if report is not None:
        log(f"Report: {write_comparison(groups, sentences, report, images, command_line())}")
