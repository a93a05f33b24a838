"""`captioner rank`: recall at 1, 5 and 10 of captions for images and of images for captions."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED, claimed_file
from pipelines.cli.options import Cache, Data, Weights, installed_default
from pipelines.utils.console import log, paragraph, table


def rank(  # noqa: PLR0913 - one parameter an option
    run: Annotated[
        Path | None, typer.Argument(help="Folder of the run, or any model; by default the best one that is installed.")
    ] = None,
    data: Data = None,
    split: Annotated[str | None, typer.Option(help="The split to rank; test by default.")] = None,
    by: Annotated[
        str | None,
        typer.Option(help="likelihood, reconstruction or both; reconstruction by default where the model can do it."),
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=2, help="Images of the pool; 200 by likelihood, else all by default.")
    ] = None,
    captions: Annotated[
        int | None, typer.Option(min=1, help="Captions of each; 1 by likelihood, else all by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the result.")] = None,
    encoder_weights: Weights = None,
    cache: Cache = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 8,
):
    """Find the caption of an image among those of others, and the image of a caption: recall at 1, 5 and 10."""
    from pipelines.tasks.captioning.retrieval import METHODS, RankOptions, rank_run

    methods = {None: (), "both": METHODS, **{method: (method,) for method in METHODS}}
    if by not in methods:
        raise typer.BadParameter("there are three: likelihood, reconstruction and both.", param_hint="--by")
    options = RankOptions(methods[by], images, captions, batch_size)
    with claimed_file(output, "--output"):
        run = run or installed_default("captioner", [])
        ranking = rank_run(run, data, split, options=options, encoder_weights=encoder_weights, cache=cache)
        if output is not None:
            ranking.save(output)
    print_ranking(ranking)
    if output is not None:
        log(f"Written to {output}", error=True)
    return SKIPPED if ranking.left_out else 0


def print_ranking(ranking) -> None:
    """Prints the pool, and a table for each of the two questions."""
    facts = ranking.facts
    paragraph(f"The pool, {facts['split']}: {facts['pool']}.")
    if ranking.left_out:
        log(f"{ranking.left_out:,} of these images could not be read and are left out.", error=True)
    for what, methods in ranking.results.items():
        chance = ranking.chance[what]
        of = facts["captions"] if what.startswith("the caption") else facts["images"]
        rows = []
        for by, ranked in methods.items():
            recalls = [f"{100 * share:.1f} ({share / chance.at[depth]:.1f} x)" for depth, share in ranked.at.items()]
            rows.append([by, *recalls, f"{ranked.median_rank:g}"])
        rows.append(["chance", *(f"{100 * share:.2f}" for share in chance.at.values()), f"{chance.median_rank:g}"])
        log(f"Finding {what} among {of:,}")
        table(["ranked by", *(f"R@{depth}" for depth in chance.at), "median rank"], rows, numbers=True)
    paragraph(
        "R@K: how many times of 100 a right one is among the first K; in brackets, how many times as often as by "
        "chance."
    )
