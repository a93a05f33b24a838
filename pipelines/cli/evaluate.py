"""`captioner evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED
from pipelines.cli.options import Cache, Data, Language, Weight, Weights, language_of
from pipelines.inference.search_options import SearchOptions, takes_search_options
from pipelines.utils.console import log, table


@takes_search_options
def evaluate(
    search: SearchOptions,
    run: Annotated[Path | None, typer.Argument(help="Folder of the run, or any preset.")] = None,
    data: Data = None,
    split: Annotated[str | None, typer.Option(help="The split to caption or to answer; test by default.")] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", help="A preset with the same words that writes together with RUN; may be repeated."),
    ] = None,
    language_model: Language = None,
    language_weight: Weight = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report; by default evaluation-SPLIT in the run.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Score these captions instead of a run's.")] = None,
    references: Annotated[Path | None, typer.Option(help="What to score --predictions against.")] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Words of --predictions, ptb by default; see `captioner list tokenizers`.")
    ] = None,
    scorer: Annotated[str, typer.Option(help="own, or coco to run the COCO scorer as well (needs Java).")] = "own",
    report_format: Annotated[str, typer.Option("--format", help="The report's: html, markdown or both.")] = "html",
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Caption a split, or answer its questions, and write scores and a report; or score a file of captions."""
    from pipelines.cli.dispatch import start_evaluation, start_scoring

    if scorer not in ("own", "coco"):
        raise typer.BadParameter("there are two scorers: own and coco.", param_hint="--scorer")
    if report_format not in ("html", "markdown", "both"):
        raise typer.BadParameter("there are three: html, markdown and both.", param_hint="--format")
    if run is None and model:
        run, *model = model
    if (run is None) == (predictions is None) or (predictions is None) != (references is None):
        raise typer.BadParameter("give either a RUN, or both --predictions and --references.")
    if run is not None:
        language_of(language_model, language_weight)
    options = {
        "data": data,
        "split": split,
        **search.given,
        "language_model": language_model,
        "language_weight": language_weight,
        "report": report,
        "encoder_weights": encoder_weights,
        "cache": cache,
        "tokenizer": tokenizer,
        "scorer": None if scorer == "own" else scorer,
        "format": None if report_format == "html" else report_format,
    }
    if run is not None:
        evaluation = start_evaluation(run, model=model or None, **options)
    else:
        evaluation = start_scoring(predictions, references, **options)
    from pipelines.evaluation.reports.score_table import score_lines

    if lines := score_lines(evaluation):  # none where the answers are withheld
        rows = [[line.label, line.value, line.interval] for line in lines]
        table(["score (x 100)", "value", "95 % interval"], rows)
    for title, head, rows in evaluation.tables():
        log(title)
        table(head, rows)
    return SKIPPED if evaluation.evaluated["images left out"] else 0
