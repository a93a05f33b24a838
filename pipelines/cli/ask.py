"""`captioner ask`: from questions and a model's folder to answers on the terminal or in a file."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED
from pipelines.cli.options import LIMITS, Weights, takes
from pipelines.utils.console import log, printable, table


@takes(limits=LIMITS)
def ask(  # noqa: PLR0913 - one parameter an option
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
        Path | None, typer.Option(help="Folder for pictures of the attention maps, or of occlusion maps.")
    ] = None,
    limits=None,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Answer questions about an image, or a file of questions. Stopped at any moment, the same command goes on."""
    from pipelines.inference.jobs.answering import AskOptions
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
    options = AskOptions(top, batch_size, attention=attention, limits=limits)
    if questions is None:
        summary = ask_about_image(image, question, model, choices or (), options, encoder_weights)
    else:
        summary = ask_file(questions, model, output, options, encoder_weights)
    return SKIPPED if summary.faults else 0


def ask_about_image(
    image: Path,
    questions: Sequence[str],
    model: Path,
    choices: Sequence[str],
    options,
    encoder_weights: Path | None = None,
):
    """Answers questions about one image, which is encoded once, and prints the answers.

    Args:
        image: its file.
        questions: one or more, none empty.
        model: the preset.
        choices: what to choose from; none: anything may be the answer.
        options: an `AskOptions`.

    Raises:
        UserError: the model cannot be used.
    """
    from pipelines.cli.run import run_with_progress
    from pipelines.inference.jobs.answering import AskJob
    from pipelines.inference.jobs.question_files import asked
    from pipelines.inference.models import load_visual_qa, visual_qa_identity
    from pipelines.utils.progress import JobProgress

    visual_qa_identity(model)  # an error in the preset is reported before anything is loaded
    asked_questions = [asked(os.fspath(image), os.fspath(image), question, choices) for question in questions]
    job = AskJob(asked_questions, partial(load_visual_qa, model, encoder_weights), options)
    progress = JobProgress("Questions", "questions", asked_questions)
    return run_with_progress(job, None, progress, _table_printer(alone=len(asked_questions) == 1))


def ask_file(
    path: Path,
    model: Path,
    output: Path | None,
    options,
    encoder_weights: Path | None = None,
):
    """Answers the questions of a file; reports progress and what was skipped on standard error.

    Args:
        path: see `pipelines.inference.jobs.question_files`.
        model: the preset.
        output: a file, or None to print the answers, one a line.
        options: an `AskOptions`.

    Raises:
        UserError: as of `read_questions_file` and `run_job`.
    """
    from pipelines.cli.run import describe, run_with_progress
    from pipelines.inference.jobs.answering import AskJob
    from pipelines.inference.jobs.question_files import read_questions_file
    from pipelines.inference.models import load_visual_qa, visual_qa_identity
    from pipelines.utils.progress import JobProgress

    identity = visual_qa_identity(model)  # before anything is written or loaded
    questions, repeated = read_questions_file(path)
    if repeated:
        log(f"{repeated:,} rows of {path} repeat a question: it is answered once", error=True)
    made_with = {"model": identity, "file of questions": os.path.realpath(path)}
    job = AskJob(questions, partial(load_visual_qa, model, encoder_weights), options, made_with)
    progress = JobProgress("Questions", "questions", questions)
    summary = run_with_progress(job, output, progress, _print_line if output is None else lambda record: None)
    if output is not None:
        marked = (summary.unknown, 'without a word that the model knows ("warning")')
        log(f"{describe(summary, ('question', 'answered'), 'images', marked, 'asked')}: {output}", error=True)
    return summary


def _table_printer(alone: bool) -> Callable[[dict], None]:
    """Prints a table of answers a question, under the question where there are several."""

    def show(record: dict) -> None:
        if "error" in record:
            log(f"{printable(record['image'])}: {record['error']}", error=True)
            return
        if not alone:
            log(printable(record["question"]))
        if "warning" in record:
            log(f"Warning: {record['warning']}.", error=True)
        answers = record.get("answers") or [record]
        table(["answer", "probability"], [[each["answer"], f"{each['probability']:.4f}"] for each in answers])
        sys.stdout.flush()

    return show


def _print_line(record: dict) -> None:
    start = f"{printable(record['image'])}\t{printable(record['question'])}"
    if "error" in record:
        log(f"{start}\t{record['error']}" if record["image"] else record["error"], error=True)
        return
    if "warning" in record:
        log(f"{start}\t{record['warning']}", error=True)
    log(f"{start}\t{printable(record['answer'])}\t{record['probability']:.4f}")
    sys.stdout.flush()
