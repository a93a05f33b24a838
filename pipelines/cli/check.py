"""`captioner check`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED
from pipelines.utils.console import log


def check(
    data: Annotated[Path, typer.Argument(help="Folder of the data set, or a table beside its images.")],
    tokenizer: Annotated[str, typer.Option(help="See `captioner list tokenizers`.")] = "ptb",
    minimum_count: Annotated[int, typer.Option(min=1, help="Rarer words count as unknown.")] = 1,
    open_images: Annotated[bool, typer.Option(help="Decode every image, too.")] = True,
):
    """Check a data set: sizes, words, and everything that is missing, unreadable or duplicated."""
    from pipelines.data.checks.inspect import inspect_layout

    reports = inspect_layout(data, tokenizer, minimum_count, open_images)
    for number, report in enumerate(reports):
        for line in ("", *report.lines()) if number else report.lines():
            log(line)
    return SKIPPED if any(report.problems for report in reports) else 0
