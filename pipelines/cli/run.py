"""How a command runs a batch job: with progress on standard error, and a sentence in the end."""

from collections.abc import Callable
from pathlib import Path

from pipelines.cli.command import stop
from pipelines.inference.jobs.job import Job, JobSummary
from pipelines.inference.jobs.journal import journal_path
from pipelines.inference.runners.local import run_job
from pipelines.utils.progress import JobProgress


def run_with_progress(
    job: Job, output: Path | None, progress: JobProgress, on_record: Callable[[dict], object]
) -> JobSummary:
    """Runs a job; where its records go to a file, progress is shown. Ctrl-C ends the process with a sentence."""

    def advance(record: dict) -> None:
        progress.advance()
        on_record(record)

    try:
        if output is None:
            return run_job(job, on_record=on_record)
        with progress:
            return run_job(job, output, on_start=progress.start, on_load=progress.loaded, on_record=advance)
    except KeyboardInterrupt:
        if output is None:
            stop("Stopped.")
        stop(f"Stopped. What is done is in {journal_path(output)}; the same command goes on from there.")


def describe(summary: JobSummary, done: tuple[str, str], changed: str, marked: tuple[int, str], unable: str) -> str:
    """A sentence about a run.

    Args:
        summary: of the run.
        done: a thing and what became of it, such as `("image", "captioned")`.
        changed: whose change made records be made again, such as "files".
        marked: how many of the new records have a mark, and what it means.
        unable: what could not be done with the things that have an error, such as "read".
    """
    thing, verb = done
    parts = [f"{summary.done:,} {thing}{'' if summary.done == 1 else 's'} {verb}"]
    if summary.done and summary.seconds:
        parts[0] += f" in {summary.seconds:.1f} s"
    if summary.changed:
        parts.append(f"{summary.changed:,} of them anew, because their {changed} changed")
    if marked[0]:
        parts.append(f"{marked[0]:,} of them {marked[1]}")
    if summary.before:
        parts.append(f"{summary.before:,} were there already")
    if summary.faults:
        parts.append(f'{summary.faults:,} could not be {unable} (the lines with "error")')
    return ", ".join(parts)
