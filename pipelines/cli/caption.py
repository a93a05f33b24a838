"""`captioner caption`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Language, Weight, Weights, language_of
from pipelines.inference.search_options import SearchOptions, takes_search_options
from pipelines.utils.console import SKIPPED, stop


@takes_search_options
def caption(
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders with images at any depth.")],
    model: Annotated[
        list[Path], typer.Option(help="Folder of the run, or any preset; several with the same words write together.")
    ],
    search: SearchOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="captions.jsonl, .csv or .parquet; else they are printed."),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Captions an image.")] = 1,
    attention: Annotated[Path | None, typer.Option(help="Folder for pictures of where the model looked.")] = None,
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
        float | None, typer.Option(help="Captions below it are marked as unsure: mean log-probability a word, as -0.8.")
    ] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Images of more are refused.")] = 200_000_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Files of more are refused.")] = 256 * 2**20,
    sample: Annotated[bool, typer.Option("--sample", help="Draw words by chance, instead of searching.")] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Of --sample: below 1 likely words become likelier, 0 leaves no chance.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=0, help="Of --sample: from so many of the likeliest words.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of --sample: from the fewest words that have this share.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of --sample: the same seed, the same captions.")] = None,
    language_model: Language = None,
    language_weight: Weight = None,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Caption images and folders. Stopped at any moment, the same command goes on; new and changed images are added."""
    from captioner.images.files import ImageLimits
    from pipelines.cli.caption_command import caption_with_model
    from pipelines.inference.jobs.caption_images import journal_path
    from pipelines.inference.jobs.captioning import CaptionOptions
    from pipelines.inference.search_options import sampling_of

    for kind in sidecar or ():
        if kind not in ("txt", "xmp"):
            raise typer.BadParameter("there are two kinds: txt and xmp.", param_hint="--sidecar")
    if tree is not None and candidates < 2:
        raise typer.BadParameter("a tree needs --candidates 2 or more.", param_hint="--tree")
    options = CaptionOptions(
        **vars(search),
        sampling=sampling_of(sample, search, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed),
        candidates=candidates,
        batch_size=batch_size,
        attention=attention,
        tree=tree,
        limits=ImageLimits(max_bytes, max_pixels),
        min_score=min_score,
        sidecars=tuple(dict.fromkeys(sidecar or ())),
        frames=frames,
    )
    language = language_of(language_model, language_weight)
    try:
        done = caption_with_model(paths, model, output, options, encoder_weights, language)
        return SKIPPED if done.faults or done.left_alone else 0
    except KeyboardInterrupt:
        if output is None:
            stop("Stopped.")
        stop(f"Stopped. What is done is in {journal_path(output)}; the same command goes on from there.")
