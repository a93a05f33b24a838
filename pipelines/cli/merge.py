"""`captioner merge`: the shards of a job into one file."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED
from pipelines.utils.console import log


def merge(
    shards: Annotated[list[Path], typer.Argument(help="What --shard wrote, such as captions.shard-*.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="captions.jsonl, .csv or .parquet.")],
):
    """Merge the shards of `caption` or `ask` into the file that one process would have written."""
    from pipelines.inference.jobs.shards import merge_shards

    merged = merge_shards(shards, output)
    errors = f', {merged.errors:,} of them with an "error"' if merged.errors else ""
    log(f"{merged.records:,} {merged.things} of {merged.shards:,} shards{errors}: {output}", error=True)
    return SKIPPED if merged.errors else 0
