"""`captioner ask`: from questions and a model's folder to answers on the terminal or in a file."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED
from pipelines.cli.options import LIMITS, PLACE, Engine, Model, Weights, installed_default, takes
from pipelines.utils.console import log, printable, table


@takes(limits=LIMITS, place=PLACE)
def ask(  # noqa: PLR0913 - one parameter an option
    image: Annotated[Path | None, typer.Argument(help="An image.")] = None,
    question: Annotated[list[str] | None, typer.Argument(help="Questions about it, each in quotation marks.")] = None,
    model: Model = None,
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
    engine: Engine = "keras",
    place=None,
):
    """Answer questions about an image, or a file of questions. Stopped at any moment, the same command goes on."""
    from captioner.errors import UserError
    from captioner.models.vqa.preprocessing import choices_problem
    from pipelines.cli.run import describe, run_with_progress
    from pipelines.inference.jobs.answering import AskJob, AskOptions
    from pipelines.inference.jobs.question_files import make_question, question_problem, read_questions_file
    from pipelines.inference.models import visual_qa_source
    from pipelines.utils.progress import JobProgress

    if (image is None) == (questions is None) or (image is not None and not question):
        raise typer.BadParameter("give either an IMAGE and a QUESTION, or --questions FILE.")
    if questions is not None and choices:
        raise typer.BadParameter("a file has its choices in a column `choices`.", param_hint="--choices")
    if questions is None and output is not None:
        raise typer.BadParameter("it goes with --questions.", param_hint="--output")
    for problem in (*map(question_problem, question or ()), choices_problem(choices) if choices else ""):
        if problem:
            raise typer.BadParameter(f"{problem}.")
    if image is not None and not image.exists():
        files = [text for text in question if Path(text).is_file()]
        hint = f' The image comes first: captioner ask {files[0]} "{image}".' if files else ""
        raise typer.BadParameter(f"there is no image {image}.{hint}")
    model = model or installed_default("visual_qa", [image or questions])
    source = visual_qa_source(model, encoder_weights, engine)  # what is wrong is reported before anything is written
    if attention is not None and not source.keras:
        raise UserError("--attention needs the engine keras: exported networks give answers only.")
    made_with = {"model": source.identity, "file of questions": os.path.realpath(questions or image)}
    if questions is None:
        rows = [make_question(str(image), str(image), text, choices or ()) for text in question]
        show = partial(_print_table, alone=len(rows) == 1)
    else:
        rows, repeated = read_questions_file(questions)
        show = _print_line if output is None else lambda record: None
        if repeated:
            log(f"{repeated:,} rows of {questions} repeat a question: it is answered once", error=True)
    options = AskOptions(top, batch_size, attention=None if place.dry_run else attention, limits=limits)
    job = AskJob(rows, source.load, options, made_with)
    summary = run_with_progress(job, output, JobProgress("Questions", "questions", rows), show, place)
    if summary is None:
        return 0
    if output is not None:
        marked = (summary.warnings, 'to questions or among choices that the model does not know ("warning")')
        done = describe(summary, ("question", "answered"), "images", marked, "asked")
        log(f"{done}: {place.name_of(output)}", error=True)
    return SKIPPED if summary.faults else 0


def _print_table(record: dict, alone: bool) -> None:
    """Prints a question, unless it is the only one, and a table of its answers."""
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


def _print_line(record: dict) -> None:
    start = f"{printable(record['image'])}\t{printable(record['question'])}"
    if "error" in record:
        log(f"{start}\t{record['error']}" if record["image"] else record["error"], error=True)
        return
    if "warning" in record:
        log(f"{start}\t{record['warning']}", error=True)
    log(f"{start}\t{printable(record['answer'])}\t{record['probability']:.4f}")
    sys.stdout.flush()
