"""How a command runs a batch job: with progress on standard error, and a sentence in the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.remote import address_of
from pipelines.cli.command import stop
from pipelines.inference.jobs.job import Job, JobSummary
from pipelines.inference.jobs.job import compute as compute_locally
from pipelines.inference.jobs.journal import journal_path
from pipelines.inference.jobs.shards import Shard, share_of
from pipelines.inference.runners.estimate import estimate
from pipelines.inference.runners.local import run_job
from pipelines.inference.runners.ray import RayCluster
from pipelines.utils.console import log
from pipelines.utils.progress import JobProgress


@dataclass(frozen=True)
class Place:
    """Where a batch job runs.

    shard: which one of several, or None for all of the job.
    runner: "local", this process, or "ray".
    address, workers: see `pipelines.inference.runners.ray.RayCluster`.
    dry_run: only report what it would take.
    """

    shard: Shard | None = None
    runner: str = "local"
    address: str | None = None
    workers: int = 0
    dry_run: bool = False

    def written_to(self, output: Path) -> Path:
        """The file that a command writes: the output, or that of its shard."""
        return output if self.shard is None else self.shard.path(output)

    def name_of(self, output: Path) -> str:
        """What messages call that file."""
        return address_of(self.written_to(output))


def run_with_progress(
    job: Job, output: Path | None, progress: JobProgress, on_record: Callable[[dict], object], place: Place = Place()
) -> JobSummary | None:
    """Runs a job; where its records go to a file, progress is shown. Ctrl-C ends the process with a sentence.

    Returns:
        what was done; None after a dry run.

    Raises:
        UserError: a shard is to be printed, or as of `run_job` and the runner.
    """

    def advance(record: dict) -> None:
        progress.advance(failed="error" in record)
        on_record(record)

    if place.shard is not None and output is None:
        raise UserError("--shard needs --output: each shard is a file beside it, and `captioner merge` joins them.")
    try:
        share = None if place.shard is None else share_of(job, place.shard)
        if share is not None:
            progress.items = range(share.items)
        cluster = RayCluster(place.address, place.workers, on_workers=progress.set_workers)
        compute = compute_locally if place.runner == "local" else cluster.compute
        if place.dry_run:
            expected = estimate(job, progress.items, compute, share, output and place.written_to(output))
            workers = f" With {cluster.workers:,} workers." if place.runner == "ray" else ""
            log(f"{expected}{workers}")
            return None
        if output is None:
            return run_job(job, compute=compute, on_record=on_record)
        with progress:
            return run_job(
                job, output, share=share, compute=compute,
                on_start=progress.start, on_load=progress.loaded, on_record=advance,
            )  # fmt: skip
    except KeyboardInterrupt:
        if output is None:
            stop("Stopped.")
        written = address_of(journal_path(place.written_to(output)))
        stop(f"Stopped. What is done is in {written}; the same command goes on from there.")


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
