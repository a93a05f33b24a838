"""`captioner ask`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Weights
from pipelines.utils.console import SKIPPED, stop


def ask(
    image: Annotated[Path | None, typer.Argument(help="An image.")] = None,
    question: Annotated[list[str] | None, typer.Argument(help="Questions about it, each in quotation marks.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of the run, or any preset.")] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="A csv, tsv or jsonl with image and question (and choices, id).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Of --questions: answers.jsonl, .csv or .parquet; else they are printed."),
    ] = None,
    choices: Annotated[
        list[str] | None, typer.Option("--choices", help="One answer of those to choose from; repeated.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Answers a question.")] = 5,
    attention: Annotated[
        Path | None, typer.Option(help="Folder for pictures of where the model looked, or what its answer hangs on.")
    ] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Images of more are refused.")] = 200_000_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Files of more are refused.")] = 256 * 2**20,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Answer questions about an image, or a file of questions. Stopped at any moment, the same command goes on."""
    from captioner.images.files import ImageLimits
    from pipelines.cli.ask_command import ask_about_image, ask_file
    from pipelines.inference.jobs.answering import AskOptions
    from pipelines.inference.jobs.caption_images import journal_path
    from pipelines.inference.jobs.question_files import choices_problem, question_problem

    if model is None:
        raise typer.BadParameter("say which model answers.", param_hint="--model")
    if (image is None) == (questions is None) or (image is not None and not question):
        raise typer.BadParameter("give either an IMAGE and a QUESTION, or --questions FILE.")
    if questions is not None and choices:
        raise typer.BadParameter("a file has its choices in a column `choices`.", param_hint="--choices")
    if questions is None and output is not None:
        raise typer.BadParameter("it goes with --questions.", param_hint="--output")
    for problem in (*map(question_problem, question or ()), choices_problem(choices or ())):
        if problem:
            raise typer.BadParameter(f"{problem}.")
    options = AskOptions(top, batch_size, attention=attention, limits=ImageLimits(max_bytes, max_pixels))
    try:
        if questions is None:
            done = ask_about_image(image, question, model, choices or (), options, encoder_weights)
        else:
            done = ask_file(questions, model, output, options, encoder_weights)
        return SKIPPED if done.faults else 0
    except KeyboardInterrupt:
        if output is None:
            stop("Stopped.")
        stop(f"Stopped. What is done is in {journal_path(output)}; the same command goes on from there.")
