"""`captioner caption`: from folders and a model's folder to captions on the terminal or in a file."""

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED, new_file
from pipelines.cli.options import LANGUAGE, LIMITS, PLACE, Engine, Models, Weights, installed_default, takes
from pipelines.cli.search_options import GENERATION
from pipelines.utils.console import log, log_errors, printable


@takes(generation=GENERATION, limits=LIMITS, language=LANGUAGE, place=PLACE)
def caption(  # noqa: PLR0913 - one parameter an option
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders with images at any depth.")],
    generation,
    model: Models = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="captions.jsonl, .csv or .parquet; else they are printed."),
    ] = None,
    attention: Annotated[Path | None, typer.Option(help="Folder for pictures of the attention maps.")] = None,
    tree: Annotated[
        Path | None,
        typer.Option(help="Folder for pages on which the candidates can be walked; of a single image also a .html."),
    ] = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="Each folder's images are the frames of one clip; a GIF is a clip, too.")
    ] = False,
    sidecar: Annotated[
        list[str] | None, typer.Option(help="Also beside each image: txt or xmp (alternative text); may be repeated.")
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            help="Captions below it are marked as unsure: mean log-probability a word; the model's own by default."
        ),
    ] = None,
    limits=None,
    language=None,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
    engine: Engine = "keras",
    place=None,
):
    """Caption images and folders. Stopped at any moment, the same command goes on; new and changed images are added."""
    from captioner.errors import UserError
    from pipelines.inference.jobs.captioning import CaptionOptions, check_model_options
    from pipelines.inference.jobs.journal import journal_path
    from pipelines.inference.models import captioner_source

    for kind in sidecar or ():
        if kind not in ("txt", "xmp"):
            raise typer.BadParameter("there are two kinds: txt and xmp.", param_hint="--sidecar")
    if min_score is not None and math.isnan(min_score):
        raise typer.BadParameter("a number was expected, no caption is below nan.", param_hint="--min-score")
    if tree is not None and generation.candidates < 2:
        raise typer.BadParameter("a tree needs --candidates 2 or more.", param_hint="--tree")
    if tree is not None and tree.is_file() and not (output and journal_path(output).exists()):
        new_file(tree, "--tree")
    model = model or [installed_default("captioner", paths)]
    options = CaptionOptions(
        generation=generation,
        batch_size=batch_size,
        attention=None if place.dry_run else attention,
        tree=None if place.dry_run else tree,
        limits=limits,
        min_score=min_score,
        sidecars=tuple(dict.fromkeys(sidecar or ())),
        frames=frames,
    )
    source = captioner_source(model, generation, encoder_weights, language, engine)
    alone = len(model) == 1 and not language  # together they have other scores
    if options.min_score is None and alone:
        options = replace(options, min_score=source.settings.min_score)
    if not source.keras and (attention or tree):
        raise UserError(
            "--attention and --tree need a preset and the engine keras: exported networks give captions only."
        )
    check_model_options(source.settings, options)
    summary = caption_with_model(paths, source, output, options, place)
    return SKIPPED if summary and (summary.faults or summary.left_alone) else 0


def caption_with_model(paths: Sequence[Path], source, output: Path | None, options, place=None):
    """Captions with a model; prints captions, or progress and what was skipped.

    Args:
        paths: images and folders.
        source: a `ModelSource`.
        output: a file, or None to print the captions.
        options: a `CaptionOptions`.
        place: a `Place`; this process by default.

    Returns:
        a `CaptionSummary`, or None after a dry run.

    Raises:
        UserError: as of `CaptionJob`, or the model cannot be loaded.
    """
    from captioner.images.files import litter_line
    from captioner.models.captioning.search_constraints import generation_config
    from captioner.remote import is_remote
    from pipelines.cli.run import Place, describe, run_with_progress
    from pipelines.inference.jobs.captioning import CaptionJob, image_sources
    from pipelines.utils.progress import JobProgress

    place = place or Place()
    search = generation_config(source.settings.search, options.generation)
    options = replace(options, length_penalty=search.length_penalty)
    job = CaptionJob(paths, source.load, options, source.identity)
    progress = JobProgress("Captions", "images", image_sources(paths, options))
    alone = len(paths) == 1 and not paths[0].is_dir() and not is_remote(paths[0])
    show = partial(_print_captions, alone=alone) if output is None else lambda record: None
    summary = run_with_progress(job, output, progress, show, place)
    if summary is None:
        return None
    if output is not None:
        marked = (summary.unsure, 'unsure ("unsure": true)')
        done = describe(summary, ("image", "captioned"), "files", marked, "read")
        log(f"{done}: {place.name_of(output)}", error=True)
    if summary.fewer:
        images = f"{summary.fewer:,} images have" if summary.fewer > 1 else "An image has"
        found = "others were not found, or were found twice"
        log(f"{images} fewer than the {summary.candidates} candidates that were requested: {found}.", error=True)
    if left_out := litter_line(summary.litter):
        log(left_out, error=True)
    log_errors([f"{path} was not written: {reason}" for path, reason in summary.left_alone.items()], most=5)
    return summary


def _print_captions(record: dict, alone: bool) -> None:
    """Prints the captions of an image: behind its name, unless it is the only one."""
    name = printable(record["image"])
    if "error" in record:
        log(f"{name}: {record['error']}", error=True)
        return
    captions = record.get("candidates") or [record]
    unsure = "  (unsure)" if record.get("unsure") else ""
    for caption in captions:
        score = f"{caption.get('rank_score', caption['score']):8.2f}  " if len(captions) > 1 else ""
        text = f"{score}{printable(caption['caption'])}{unsure}"
        log(text if alone else f"{name}\t{text}")
    sys.stdout.flush()
