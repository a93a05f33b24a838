"""Answers to a file of questions: one record a question, whatever the file holds and whenever the power fails.

The work is done in `pipelines.inference.jobs.answering`, batch by batch; here its records reach the disk. A batch is
made of questions that follow one another, answered already or not, so a run that goes on after a kill computes the
batch that was cut off
once more and appends what is missing of it: the file has the same bytes as that of a run that was never stopped.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.inference.jobs.answering import AskOptions, batches_of, work
from pipelines.inference.jobs.caption_images import checked_output, journal_path
from pipelines.inference.jobs.journal import Journal, read_journal
from pipelines.inference.jobs.question_files import Question, question_key
from pipelines.utils.tables import write_csv, write_parquet


@dataclass
class AskSummary:
    """What was done.

    answered, skipped: questions of this run with an answer, and those that could not be asked.
    unknown: answers of this run to questions of which the model knows no word.
    before: questions that were in the output already.
    changed: questions that were in it and whose images are no longer what they were: they were answered again.
    faults: questions in the whole output that could not be asked, earlier runs included.
    """

    answered: int = 0
    skipped: int = 0
    unknown: int = 0
    before: int = 0
    changed: int = 0
    faults: int = 0
    seconds: float = 0.0


def answer_questions(
    questions: Sequence[Question],
    model,
    output: str | Path | None = None,
    *,
    made_with: dict | None = None,
    options: AskOptions | None = None,
    begin: Callable[[int], object] | None = None,
    show: Callable[[dict], object] | None = None,
) -> AskSummary:
    """Answers questions about images.

    Args:
        questions: see `pipelines.inference.jobs.question_files.read_questions_file`.
        model: a `VisualQA`, or a function that loads one, called only if there is work to do.
        output: a `.jsonl`, `.csv` or `.parquet` file; one that the same call began before is gone on with.
            Without it nothing is written, and `show` gets the records.
        made_with: what must be the same for two calls to write to one file, such as the model's checksum.
        options: how.
        begin: called once with the number of questions that the output has already.
        show: called with every new record, in order, after it is safe.

    Questions that are new, or whose images changed since they were answered, get a new record; all others keep theirs.

    Raises:
        UserError: an output that is not this job's, or a disk that refuses.
    """
    begun = time.monotonic()
    options = options or AskOptions()
    options = _fitting(options, questions)
    output = None if output is None else checked_output(Path(output))
    summary = AskSummary()
    made_with = {**(made_with or {}), "number of answers": options.top}
    with _open_journal(output, made_with) as journal:
        if journal is not None:
            if len(journal):
                files = ((question_key(one.record()), one.path) for one in questions if not one.problem)
                summary.changed = journal.drop_changed(files, options.limits)
            summary.before, summary.faults = len(journal), journal.faults
        if begin:
            begin(summary.before)
        done = (lambda question: False) if journal is None else (lambda one: question_key(one.record()) in journal)
        for batch in work(batches_of(questions, options, done), model, options):
            records = [one.record for one in batch]
            if journal is not None:
                journal.append(records, [one.stamp for one in batch])
            faults = sum("error" in record for record in records)
            summary.skipped += faults
            summary.faults += faults
            summary.answered += len(records) - faults
            summary.unknown += sum("warning" in record for record in records)
            for record in records if show else ():
                show(record)
    if output is not None and output.suffix.lower() != ".jsonl":
        write = write_csv if output.suffix.lower() == ".csv" else write_parquet
        write(read_journal(journal_path(output)), output, _columns(questions, options))
    summary.seconds = time.monotonic() - begun
    return summary


def _fitting(options: AskOptions, questions: Sequence[Question]) -> AskOptions:
    """One question about one image needs no batch of 16."""
    images = len({one.path for one in questions if not one.problem})
    return replace(
        options,
        batch_size=max(1, min(options.batch_size, images)),
        questions=max(1, min(options.questions, len(questions))),
    )


def _open_journal(output: Path | None, made_with: dict):
    if output is None:
        return nullcontext()
    return Journal(journal_path(output), made_with, key=question_key, things="answers")


def _columns(questions: Sequence[Question], options: AskOptions) -> list[str]:
    more = [name for name in ("id", "choices") if any(getattr(one, name) for one in questions)]
    several = ["answers"] if options.top > 1 else []
    return ["image", "question", "answer", "probability", *several, *more, "warning", "error"]
