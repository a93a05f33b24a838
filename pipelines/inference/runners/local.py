"""A job, driven from this machine: a journal on its disk, and a table in the end; by default it computes, too."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from captioner.remote import is_remote
from pipelines.inference.jobs.job import Job, JobSummary, Result, compute, pending_batches
from pipelines.inference.jobs.journal import Journal, checked_output, journal_path, read_journal, write_table
from pipelines.inference.jobs.shards import Share
from pipelines.inference.runners.remote_output import remote_output, sending


def run_job(
    job: Job,
    output: str | Path | None = None,
    *,
    share: Share | None = None,
    compute: Callable[..., Iterator[list[Result]]] = compute,
    on_start: Callable[[int], object] = lambda before: None,
    on_load: Callable[[], object] = lambda: None,
    on_record: Callable[[dict], object] = lambda record: None,
) -> JobSummary:
    """Runs a job to its end, or goes on with one that was stopped.

    Args:
        job: what is done.
        output: a file that the job can write, at s3:// as well; one that the same job began before is gone on with.
            Without it nothing is written, and `on_record` gets the records.
        share: what is done of the job, in a file of its own beside the output; by default all of it, in the output.
        compute: what computes; by default this process, see `pipelines.inference.jobs.job.compute`.
        on_start: called once with the number of records that the output has already.
        on_load: called once, if there is work to do, when the network is loaded.
        on_record: called with every new record, in order, after it is safe.

    Raises:
        UserError: an output that is not this job's, a disk that refuses, or whatever the job itself raises.
    """
    if output is not None and is_remote(output):
        target = Path(output) if share is None else share.shard.path(Path(output))
        with remote_output(target, job.formats) as copy:

            def on_remote_start(before: int) -> None:
                copy.begin()
                on_start(before)

            return _run(job, copy.path, share, compute, on_remote_start, on_load, sending(copy, on_record))
    output = None if output is None else checked_output(Path(output), job.formats)
    if share is not None:
        output = share.shard.path(output)
    return _run(job, output, share, compute, on_start, on_load, on_record)


def _run(
    job: Job, output: Path | None, share: Share | None, compute: Callable, on_start, on_load, on_record
) -> JobSummary:
    started = time.monotonic()
    summary = job.summary()
    among = (0, None) if share is None else share.batches
    with _journal_of(job, output, share) if output else nullcontext() as journal:
        if journal is not None:
            summary.changed = journal.drop_changed(job.files(), job.limits, job.dropped) if len(journal) else 0
            summary.before, summary.faults = len(journal), journal.faults
            job.resumed(read_journal(journal.path), summary)
        on_start(summary.before)
        for results in compute(job, pending_batches(job, () if journal is None else journal, among), on_load):
            if journal is not None:
                journal.append([each.record for each in results], [each.fingerprint for each in results])
            for each in results:
                summary.add(each.record)
            for each in results:
                job.saved(each)
                on_record(each.record)
    if output is not None:
        write_table(output, job.columns)
    summary.seconds = time.monotonic() - started
    return summary


def _journal_of(job: Job, output: Path, share: Share | None) -> Journal:
    path, made_with = journal_path(output), job.made_with() if share is None else share.made_with
    return Journal(path, made_with, job.key, job.things, follow_link=path == output)
