"""What a job would take: a few of its batches are computed, and nothing is written."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.inference.jobs.job import Job, Result, pending_batches
from pipelines.inference.jobs.journal import journal_path, read_journal
from pipelines.inference.jobs.shards import Share

SAMPLE = 24  # batches, at most
ENOUGH = 20.0  # seconds of work after which no more are taken


@dataclass(frozen=True)
class Estimate:
    """
    items: of the job or its share. before: how many of them are in the output already.
    sample: items that were computed. rate: items a second, with the network loaded and compiled; 0: not known.
    """

    items: int
    before: int
    sample: int
    rate: float

    def __str__(self) -> str:
        """
        >>> print(Estimate(1_000_000, 0, 64, 35.2))
        1,000,000 to do, 35.2 a second in a sample of 64: 7.9 hours. Nothing was written.
        """
        before = f" ({self.before:,} of {self.items:,} are there already)" if self.before else ""
        time_needed = f"too few for an estimate of the time, of which {self.sample:,} were tried"
        if self.rate:
            hours = (self.items - self.before) / self.rate / 3600
            time_needed = f"{self.rate:.1f} a second in a sample of {self.sample:,}: {hours:.1f} hours"
        return f"{self.items - self.before:,} to do{before}, {time_needed}. Nothing was written."


def estimate(
    job: Job,
    items: Iterable,
    compute: Callable[..., Iterator[list[Result]]],
    share: Share | None = None,
    output: Path | None = None,
) -> Estimate:
    """Computes a few batches of a job to say how long all of it would take.

    Args:
        job: its work must write nothing.
        items: all of them, or of the share; they are counted.
        compute, share: as of `run_job`.
        output: the file that would be written; what it holds need not be done.

    Raises:
        UserError: as of `compute`.
    """
    total = sum(1 for _ in items)
    journal = None if output is None else journal_path(output)
    before = sum(1 for _ in read_journal(journal)) if journal is not None and journal.exists() else 0
    batches = itertools.islice(pending_batches(job, (), (0, None) if share is None else share.batches), SAMPLE)
    done, first, began, ended = 0, 0, 0.0, 0.0
    for results in compute(job, batches):
        ended = time.monotonic()
        done += len(results)
        if not began:  # compiled
            began, first = ended, done
        elif ended - began > ENOUGH:
            break
    return Estimate(total, before, done, (done - first) / (ended - began) if done > first else 0.0)
