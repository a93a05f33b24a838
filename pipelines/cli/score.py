"""`captioner score`: the likelihood of captions of images."""

from functools import partial
from math import exp
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED, refuse_addresses
from pipelines.cli.options import Model, Weights, installed_default
from pipelines.utils.console import log, log_errors, table

MOST_LETTERS = 50  # of a caption in the table
MOST = 10  # problems that are listed


def score(
    captions: Annotated[
        list[str],
        typer.Argument(
            help="A csv, tsv or jsonl file with image and caption; a data set's folder; or an image and its captions."
        ),
    ],
    model: Model = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="scores.jsonl or .csv; else they are printed.")
    ] = None,
    words: Annotated[bool, typer.Option("--words", help="Also list each word's log-probability.")] = False,
    split: Annotated[str | None, typer.Option(help="Of a data set's folder; all of it by default.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Where a file's images are; by default beside it, or in images/ there.")
    ] = None,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Score captions by their likelihood: log-probability and perplexity. Stopped, the same command goes on."""
    from pipelines.cli.run import run_with_progress
    from pipelines.inference.jobs.caption_rows import read_rows, rows_of_image
    from pipelines.inference.jobs.journal import checked_output
    from pipelines.inference.jobs.scoring import FORMATS, ScoreJob
    from pipelines.inference.models import checked_presets, load_captioner, models_identity
    from pipelines.utils.progress import JobProgress

    first, *texts = captions
    refuse_addresses({"captions": Path(first)})
    if texts and not Path(first).exists():
        files = [text for text in texts if Path(text).is_file()]
        hint = f' The image comes first: captioner score {files[0]} "{first}".' if files else ""
        raise typer.BadParameter(f"there is no image {first}.{hint}")
    if split and (texts or not Path(first).is_dir()):
        raise typer.BadParameter("it is for a data set's folder.", param_hint="--split")
    output = None if output is None else checked_output(output, FORMATS)
    rows, problems = (rows_of_image(Path(first), texts), []) if texts else read_rows(Path(first), split, images)
    model = model or installed_default("captioner", [Path(first)])
    identity = models_identity(checked_presets([model]))
    scored, faults = [], list(map(str, problems))

    def collect(record):
        if "error" in record:
            row = rows[record["number"] - 1]
            faults.append(f"{row.place or row.image}: {record['error']}")
        elif output is None:
            scored.append(record)

    load = partial(load_captioner, [model], encoder_weights)
    job = ScoreJob(rows, load, model=identity, each_word=words, batch_size=batch_size)
    summary = run_with_progress(job, output, JobProgress("Captions", "captions", rows), collect)
    log_errors(faults, MOST, f'; the lines with "error" in {output} tell them all' if output else "")
    if output is None:
        (_print_words if words else _print_scores)(scored, alone=bool(texts))
        log(str(summary))
    else:
        log(f"{summary} {output}", error=True)
        if summary.faults:
            log(f'{summary.faults:,} could not be scored (the lines with "error")', error=True)
    return SKIPPED if summary.faults or problems else 0


def _print_scores(records: list[dict], alone: bool) -> None:
    rows = [
        [
            *([] if alone else [record["image"]]),
            _shortened(record["caption"]),
            f"{record['log_probability']:.2f}",
            f"{record['score']:.2f}",
            f"{record['perplexity']:.1f}",
            ", ".join(record["unknown"]),
        ]
        for record in records
    ]
    if rows:
        table([*([] if alone else ["image"]), "caption", "log p (nats)", "a word", "perplexity", "unknown words"], rows)


def _print_words(records: list[dict], alone: bool) -> None:
    for record in records:
        log("" if alone else record["image"])
        each = zip([*record["each_word"], "(end)"], record["each_log_probability"], strict=True)
        unknown = set(record["unknown"])
        rows = [
            [word, f"{value:.2f}", f"{exp(value):.4f}", "unknown" if word in unknown else ""] for word, value in each
        ]
        total = f"{record['log_probability']:.2f}"
        table(["word", "log p (nats)", "p", ""], [*rows, ["all", total, f"{exp(record['log_probability']):.2g}", ""]])


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 3] + "..."
