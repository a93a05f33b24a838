"""`captioner evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from captioner.errors import UserError
from pipelines.cli.command import SKIPPED, command_line
from pipelines.cli.options import Cache, Data, Language, Weight, Weights, flag, language_of, takes
from pipelines.cli.search_options import SEARCH
from pipelines.utils.console import log, table


@takes(search=SEARCH)
def evaluate(  # noqa: PLR0913 - one parameter an option
    search,
    run: Annotated[Path | None, typer.Argument(help="Folder of the run, or any preset.")] = None,
    data: Data = None,
    split: Annotated[str | None, typer.Option(help="The split to caption or to answer; test by default.")] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", help="A preset with the same words that forms an ensemble with RUN; may be repeated."),
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
    from captioner.presets.folder import kind_of_preset
    from pipelines.evaluation.reports.write import ReportOptions, check_report_folder
    from pipelines.tasks.captioning.evaluate import ModelOptions, evaluate_predictions, evaluate_run

    if scorer not in ("own", "coco"):
        raise typer.BadParameter("there are two scorers: own and coco.", param_hint="--scorer")
    if report_format not in ("html", "markdown", "both"):
        raise typer.BadParameter("there are three: html, markdown and both.", param_hint="--format")
    if run is None and model:
        run, *model = model
    if (run is None) == (predictions is None) or (predictions is None) != (references is None):
        raise typer.BadParameter("give either a RUN, or both --predictions and --references.")
    if report is not None:
        check_report_folder(report, filter(None, (predictions, references)))
    written = ReportOptions(report, report_format, scorer, command_line())
    changes = search.model_dump(exclude_unset=True)
    decoding = {
        "model": model,
        "language_model": language_model,
        "language_weight": language_weight,
        **changes,
    }
    files = {"data": data, "encoder_weights": encoder_weights, "cache": cache}
    if predictions is not None:
        decoding.pop("num_beams", None)  # it is only stated
        _refuse(decoding | files, f"the captions in {predictions}, which are written already")
        evaluation = evaluate_predictions(
            predictions, references, split=split, num_beams=changes.get("num_beams"), tokenizer=tokenizer or "ptb",
            report=written,
        )  # fmt: skip
        return _print_scores(evaluation)
    language, kind = language_of(language_model, language_weight), kind_of_preset(run)
    of_model = f"the model in {run}, which is of kind {kind}"
    _refuse({"tokenizer": tokenizer}, of_model)
    if kind == "visual_qa":
        from pipelines.tasks.vqa.evaluate import evaluate_run as evaluate_answers

        _refuse(decoding | ({"scorer": scorer} if scorer != "own" else {}), of_model)
        evaluation = evaluate_answers(run, split=split, report=written, **files)
    else:  # which says what is wrong with other kinds
        evaluation = evaluate_run(
            run, data, split, generation=search, model=ModelOptions(tuple(model or ()), language, encoder_weights),
            report=written, cache=cache,
        )  # fmt: skip
    return _print_scores(evaluation)


def _refuse(options: dict[str, object], subject: str) -> None:
    """Refuses options that were given and have no meaning for what is evaluated."""
    for name, value in options.items():
        if value not in (None, [], ()):
            raise UserError(f"{flag(name)} means nothing to {subject}.")


def _print_scores(evaluation) -> int:
    """Prints the scores; returns the exit status."""
    from pipelines.evaluation.reports.score_sections import breakdown_tables, score_lines

    if lines := score_lines(evaluation):  # none where the answers are withheld
        rows = [[line.label, line.value, line.interval] for line in lines]
        table(["score (x 100)", "value", "95 % interval"], rows)
    for title, head, rows in breakdown_tables(evaluation):
        log(title)
        table(head, rows, numbers=True)
    return SKIPPED if evaluation.evaluated["images left out"] else 0
