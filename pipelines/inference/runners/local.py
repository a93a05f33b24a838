"""A job on this machine: its threads, a journal on its disk, and a table in the end."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from pipelines.inference.jobs.job import Job, JobSummary, compute, pending_batches
from pipelines.inference.jobs.journal import Journal, checked_output, journal_path, read_journal, write_table


def run_job(
    job: Job,
    output: str | Path | None = None,
    *,
    on_start: Callable[[int], object] = lambda before: None,
    on_load: Callable[[], object] = lambda: None,
    on_record: Callable[[dict], object] = lambda record: None,
) -> JobSummary:
    """Runs a job to its end, or goes on with one that was stopped.

    Args:
        job: what is done.
        output: a file that the job can write; one that the same job began before is gone on with. Without it nothing
            is written, and `on_record` gets the records.
        on_start: called once with the number of records that the output has already.
        on_load: called once, if there is work to do, when the network is loaded.
        on_record: called with every new record, in order, after it is safe.

    Raises:
        UserError: an output that is not this job's, a disk that refuses, or whatever the job itself raises.
    """
    started = time.monotonic()
    summary = job.summary()
    output = None if output is None else checked_output(Path(output), job.formats)
    with _journal_of(job, output) if output else nullcontext() as journal:
        if journal is not None:
            summary.changed = journal.drop_changed(job.files(), job.limits, job.dropped) if len(journal) else 0
            summary.before, summary.faults = len(journal), journal.faults
            job.resumed(read_journal(journal.path), summary)
        on_start(summary.before)
        for results in compute(job, pending_batches(job, () if journal is None else journal), on_load):
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


def _journal_of(job: Job, output: Path) -> Journal:
    path = journal_path(output)
    return Journal(path, job.made_with(), job.key, job.things, follow_link=path == output)
