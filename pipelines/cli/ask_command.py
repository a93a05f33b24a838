"""`captioner ask`: from questions and a model's folder to answers on the terminal or in a file."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from captioner.presets.folder import Preset, read_preset
from captioner.settings import VisualQASettings
from pipelines.inference.jobs.answer_questions import AskSummary, answer_questions
from pipelines.inference.jobs.answering import AskOptions
from pipelines.inference.jobs.question_files import asked, read_questions_file
from pipelines.utils.console import load_keras, log, printable, table
from pipelines.utils.progress import Reporter

KINDS = {"visual_qa": VisualQASettings}


def ask_about_image(
    image: Path,
    questions: Sequence[str],
    model: Path,
    choices: Sequence[str],
    options: AskOptions,
    encoder_weights: Path | None = None,
) -> AskSummary:
    """Answers questions about one image, which is encoded once, and prints the answers.

    Args:
        image: its file.
        questions: one or more, none empty.
        model: the preset.
        choices: what to choose from; none: anything may be the answer.

    Raises:
        UserError: the model cannot be used.
    """
    read_preset(model, KINDS)  # what is wrong with it is told before anything is loaded
    found = [asked(os.fspath(image), os.fspath(image), question, choices) for question in questions]
    load = partial(_load, model, encoder_weights)
    return answer_questions(found, load, options=options, show=_Tables(alone=len(found) == 1))


def ask_file(
    path: Path,
    model: Path,
    output: Path | None,
    options: AskOptions,
    encoder_weights: Path | None = None,
) -> AskSummary:
    """Answers the questions of a file; tells progress and what was skipped on standard error.

    Args:
        path: see `pipelines.inference.jobs.question_files`.
        model: the preset.
        output: where to; without it answers are printed, one a line.

    Raises:
        UserError: see `read_questions_file` and `answer_questions`.
    """
    identity = _identity(read_preset(model, KINDS))  # before anything is written or loaded
    questions, repeated = read_questions_file(path)
    if repeated:
        log(f"{repeated:,} rows of {path} repeat a question: it is answered once", error=True)
    made_with = {"model": identity, "file of questions": os.path.realpath(path)}
    load = partial(_load, model, encoder_weights)
    if output is None:
        return answer_questions(questions, load, options=options, show=_line)
    with _Progress(len(questions)) as progress:
        summary = answer_questions(
            questions,
            load,
            output,
            made_with=made_with,
            options=options,
            begin=progress.begin,
            show=progress.advance,
        )
    _tell(summary, output)
    return summary


def _identity(preset: Preset) -> str:
    """What tells a model from others: checksums of all its files that are checked, but not of its metadata."""
    checksums = {name: value for name, value in preset.metadata["checksums"].items() if name != "metadata.json"}
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()


def _load(model: Path, encoder_weights: Path | None):
    load_keras()
    from captioner.models.vqa.visual_qa import VisualQA

    return VisualQA.from_preset(model, encoder_weights)


class _Tables:
    """Prints a table of answers a question, under the question where there are several."""

    def __init__(self, alone: bool):
        self.alone = alone

    def __call__(self, record: dict) -> None:
        if "error" in record:
            log(f"{printable(record['image'])}: {record['error']}", error=True)
            return
        if not self.alone:
            log(printable(record["question"]))
        if "warning" in record:
            log(f"Warning: {record['warning']}.", error=True)
        answers = record.get("answers") or [record]
        table(["answer", "probability"], [[one["answer"], f"{one['probability']:.4f}"] for one in answers])
        sys.stdout.flush()


def _line(record: dict) -> None:
    place = f"{printable(record['image'])}\t{printable(record['question'])}"
    if "error" in record:
        log(f"{place}\t{record['error']}" if record["image"] else record["error"], error=True)
        return
    if "warning" in record:
        log(f"{place}\t{record['warning']}", error=True)
    log(f"{place}\t{printable(record['answer'])}\t{record['probability']:.4f}")
    sys.stdout.flush()


class _Progress:
    """A bar, or a line now and then, on standard error."""

    def __init__(self, total: int):
        from rich.console import Console

        self.total, self.done = total, 0
        self._bar = Reporter(Console(file=sys.stderr, highlight=False)).progress("Questions")
        self._advance: Callable = lambda *_: None

    def __enter__(self) -> "_Progress":
        self._advance = self._bar.__enter__()
        return self

    def __exit__(self, *error):
        return self._bar.__exit__(*error)

    def begin(self, before: int) -> None:
        self.done = before

    def advance(self, _record: dict) -> None:
        self.done += 1
        self._advance(self.done, self.total)


def _tell(summary: AskSummary, output: Path) -> None:
    told = [f"{summary.answered:,} question{'' if summary.answered == 1 else 's'} answered"]
    if summary.answered and summary.seconds:
        told[0] += f" in {summary.seconds:.1f} s"
    if summary.changed:
        told.append(f"{summary.changed:,} of them anew, because their images changed")
    if summary.unknown:
        told.append(f'{summary.unknown:,} of them without a word that the model knows ("warning")')
    if summary.before:
        told.append(f"{summary.before:,} were there already")
    if summary.faults:
        told.append(f'{summary.faults:,} could not be asked (the lines with "error")')
    log(f"{', '.join(told)}: {output}", error=True)
