"""One batch job: what becomes of a long list of items, apart from where it runs and where its records go.

    items ──▶ batches ──▶ read (threads) ──▶ network (a thread) ──▶ records (the caller's thread)

A batch is made of items that follow one another, done already or not, so the same items always give the same batches.
A run that goes on after a kill computes the batch that was cut off once more and appends what is missing of it: its
file has the same bytes as that of a run that was never stopped, even where the last digits of a network depend on what
else is in the batch.
"""

import itertools
import json
import threading
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from captioner.images.decode import DEFAULT_LIMITS, ImageLimits
from pipelines.utils.threads import background_iterator, parallel_map

_BATCHES_AHEAD = 3  # whose results may wait for the caller

Batch = tuple[Sequence[Any], list[int]]  # items, and the indices of those that need a record


@dataclass
class JobSummary:
    """What a run of a job did.

    done, skipped: new records without and with an error.
    before: records that were in the output already.
    changed: records that were in it and whose files changed since: they were made again.
    faults: records with an error in the whole output, earlier runs included.
    """

    done: int = 0
    skipped: int = 0
    before: int = 0
    changed: int = 0
    faults: int = 0
    seconds: float = 0.0

    def add(self, record: dict) -> None:
        """Counts a new record."""
        if "error" in record:
            self.skipped += 1
            self.faults += 1
        else:
            self.done += 1


@dataclass(frozen=True)
class Result:
    """A new record of an item. fingerprint: of the item's file before it was read; None: none is kept."""

    item: Any
    record: dict
    fingerprint: int | None


class Job:
    """What a batch job does; subclasses define it, and a runner (`pipelines.inference.runners`) calls it.

    A subclass has to define `columns`, `made_with`, `batches`, `describe` and `work`; all else has a default.

    Attributes:
        things: what the records are, in messages.
        columns: of a csv or parquet file.
        key_fields: of a record; what they hold tells it from all others.
        formats: endings of output files.
        limits: what an image may ask for.
        read_ahead: inputs that are read before the network asks for them.
    """

    things = "records"
    columns: Sequence[str]
    key_fields: Sequence[str] = ("image",)
    formats: Sequence[str] = (".jsonl", ".csv", ".parquet")
    limits: ImageLimits = DEFAULT_LIMITS
    read_ahead = 48

    def made_with(self) -> dict:
        """What must be the same for two runs to write to one file; the keys stand in the message."""
        raise NotImplementedError

    def batches(self) -> Iterator[Sequence[Any]]:
        """All items, batch by batch, whatever is done already."""
        raise NotImplementedError

    def describe(self, item: Any) -> dict:
        """The fields with which the record of an item begins, `image` among them."""
        raise NotImplementedError

    def work(self, batch: Sequence[Any], missing: list[int], contents: dict) -> Iterable[dict]:
        """Computes a batch.

        Args:
            batch: the items.
            missing: the indices of those that need a record, in order.
            contents: input -> what `read` made of it.

        Returns:
            for each missing item the fields of its record that follow those of `describe`: results, or an `error`.
        """
        raise NotImplementedError

    def key(self, record: dict) -> str:
        """What tells a record from all others."""
        return record_key(record, self.key_fields)

    def load(self) -> None:
        """Loads the network; called once, and only if there is work to do."""

    def inputs(self, batch: Sequence[Any]) -> Sequence[Hashable]:
        """What has to be read for a batch, each once."""
        return batch

    def read(self, source: Hashable) -> Any:
        """Reads one of `inputs`, in a thread."""
        return source

    def fingerprint(self, item: Any, contents: dict) -> int | None:
        """What the file of an item was like before it was read; None: it is not watched for changes."""
        return None

    def places(self) -> Iterable[str]:
        """Files and folders that every machine which computes must see."""
        return ()

    def files(self) -> Iterable[tuple[str, str]]:
        """`(key, path)` of all items whose files are watched for changes."""
        return ()

    def resumed(self, records: Iterable[dict], summary: JobSummary) -> None:
        """Called with the records of earlier runs, before the work begins."""

    def dropped(self, record: dict) -> None:
        """Called with a record of an earlier run whose file changed, before it is removed."""

    def saved(self, result: Result) -> None:
        """Called with a new record, after it is on the disk."""

    def summary(self) -> JobSummary:
        """A summary that counts nothing yet."""
        return JobSummary()


def record_key(record: dict, fields: Sequence[str]) -> str:
    """What tells a record from all others: what some of its fields hold.

    >>> record_key({"image": "a.jpg", "caption": "a dog"}, ["image"])
    'a.jpg'
    >>> record_key({"image": "a.jpg", "question": "What?", "answer": "red"}, ["id", "image", "question"])
    '[null, "a.jpg", "What?"]'
    """
    return str(record[fields[0]]) if len(fields) == 1 else json.dumps([record.get(field) for field in fields])


def pending_batches(job: Job, done: Container[str], among: tuple[int, int | None] = (0, None)) -> Iterator[Batch]:
    """The batches of which something is not `done`, a collection of keys.

    Args:
        among: the first batch that may be taken, and the one behind the last.
    """
    for batch in itertools.islice(job.batches(), *among):
        missing = [index for index, item in enumerate(batch) if job.key(job.describe(item)) not in done]
        if missing:
            yield batch, missing


def compute(job: Job, batches: Iterator[Batch], on_load: Callable[[], object] = lambda: None) -> Iterator[list[Result]]:
    """The new records batch by batch; the work is done in another thread, so that Ctrl-C is heard meanwhile."""
    yield from background_iterator(lambda stop: _compute(job, batches, on_load, stop), _BATCHES_AHEAD, job.things)


def _compute(job: Job, batches: Iterator[Batch], on_load: Callable, stop: threading.Event) -> Iterator[list[Result]]:
    first = next(batches, None)
    if first is None:
        return
    job.load()
    on_load()
    to_read, to_work = itertools.tee(itertools.chain([first], batches))
    contents_ahead = parallel_map(
        job.read, (each for batch, _ in to_read for each in job.inputs(batch)), job.read_ahead
    )
    try:
        for batch, missing in to_work:
            if stop.is_set():
                return
            inputs = job.inputs(batch)
            contents = dict(zip(inputs, itertools.islice(contents_ahead, len(inputs)), strict=True))
            outcomes = job.work(batch, missing, contents)
            yield [
                Result(batch[index], {**job.describe(batch[index]), **outcome}, job.fingerprint(batch[index], contents))
                for index, outcome in zip(missing, outcomes, strict=True)
            ]
    finally:
        contents_ahead.close()
