"""A job in several shards, each of which any machine can do by itself: the task of a scheduler, say.

    captions.shard-1-of-3.jsonl ─┐
    captions.shard-2-of-3.jsonl ─┼─ merge ──▶ captions.jsonl
    captions.shard-3-of-3.jsonl ─┘

Each shard has batches of the job that follow one another, and all have about the same number of them. So the shards in
their order are the file that one process writes, byte for byte: it makes the same batches.

A shard is a journal like any other. What it was made with also holds the digest of the whole list of items, and the
keys of its own as one number: so shards of different jobs, or of a folder that changed between two of them, are not
merged, nor is one that is not finished.
"""

import hashlib
import itertools
import json
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.files import as_user_error, atomic_file, atomic_write, locked_file, open_regular
from pipelines.inference.jobs.file_fingerprints import key_hash
from pipelines.inference.jobs.job import Job, record_key
from pipelines.inference.jobs.journal import (
    checked_output,
    journal_path,
    read_journal,
    run_facts,
    run_path,
    stamps_path,
    to_line,
    write_table,
)

LIST, BATCHES, SHARD = "list of items", "number of batches", "shard"  # what a shard was made with, besides the job's
_ENDING = re.compile(r"\.shard-(\d+)-of-(\d+)\.jsonl")
_FORM = "form of records"
_BESIDE = (".run.json", ".stamps", ".lock", ".captioner-part")  # a pattern of the shell names them, too


@dataclass(frozen=True)
class Shard:
    """One of `count` shards of a job; `number` is from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """
        >>> Shard.parse("3/8")
        Shard(number=3, count=8)

        Raises:
            UserError: it is none.
        """
        parts = re.fullmatch(r"(\d{1,7})/(\d{1,7})", text.strip(), re.ASCII)
        if not parts or not 1 <= int(parts[1]) <= int(parts[2]):
            raise UserError(f"A shard was expected, such as 3/8 for the third of 8, and received was {text!r}.")
        return cls(int(parts[1]), int(parts[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def range_of(self, total: int) -> tuple[int, int]:
        """The first of `total` things that belong to this shard, and the one behind the last.

        >>> [Shard(number, 3).range_of(7) for number in (1, 2, 3)]
        [(0, 2), (2, 4), (4, 7)]
        """
        return (self.number - 1) * total // self.count, self.number * total // self.count

    def path(self, output: Path) -> Path:
        """The journal of this shard.

        >>> Shard(3, 8).path(Path("captions.csv")).name
        'captions.shard-3-of-8.jsonl'
        """
        return output.with_name(f"{output.stem}.shard-{self.number}-of-{self.count}.jsonl")


@dataclass(frozen=True)
class Share:
    """What one shard does of a job.

    batches: its first, and the one behind its last.
    items: how many they hold.
    made_with: what is kept beside its records.
    """

    shard: Shard
    batches: tuple[int, int]
    items: int
    made_with: dict


def share_of(job: Job, shard: Shard) -> Share:
    """What a shard does of a job; all items are listed for it, and none is read."""
    digest = hashlib.sha256()
    sizes, sums = array("Q"), array("Q")  # a batch each
    for batch in job.batches():
        hashes = [key_hash(job.key(job.describe(item))) for item in batch]
        digest.update(array("Q", hashes).tobytes())
        sizes.append(len(hashes))
        sums.append(sum(hashes) % 2**64)
    first, last = shard.range_of(len(sizes))
    items = sum(sizes[first:last])
    facts = {
        "number": shard.number,
        "of": shard.count,
        "items": items,
        "keys": f"{sum(sums[first:last]) % 2**64:016x}",
        "key": list(job.key_fields),
        "things": job.things,
        "columns": list(job.columns),
    }
    whole = {"items": sum(sizes), "sha256": digest.hexdigest()}
    made_with = {**job.made_with(), LIST: whole, BATCHES: len(sizes), SHARD: facts}
    return Share(shard, (first, last), items, made_with)


@dataclass(frozen=True)
class MergedShards:
    """How many records were merged, of how many shards; errors: records with one."""

    things: str
    shards: int
    records: int
    errors: int


def merge_shards(paths: Iterable[Path], output: Path) -> MergedShards:
    """Merges the shards of a job into the file that one process would have written.

    Args:
        paths: of shards in any order; the files that are kept beside them are passed over.
        output: a jsonl, csv or parquet file. It may be there if it holds the same.

    Raises:
        UserError: a shard is missing, is there twice, is not finished, or belongs to another job; or the output cannot
            be written.
    """
    shards = [_OpenedShard(path) for path in paths if not path.name.endswith(_BESIDE)]
    if not shards:
        raise UserError("There is no shard to merge: the files that --shard wrote were expected.")
    _check_one_job(shards)
    shards.sort(key=lambda shard: shard.facts["number"])
    output = checked_output(output, (".jsonl", ".csv", ".parquet"))
    journal = journal_path(output)
    follow = journal == output
    counts = _Counts()
    with locked_file(journal, follow_link=follow):
        lines = (line for shard in shards for line in shard.lines(counts))
        if journal.exists() and journal.stat().st_size:
            _check_equal(journal, lines)
        else:
            _write(journal, lines, shards, follow)
        write_table(output, shards[0].facts["columns"])
    return MergedShards(shards[0].facts["things"], len(shards), counts.records, counts.errors)


@dataclass
class _Counts:
    records: int = 0
    errors: int = 0


class _OpenedShard:
    """A shard and what it was made with, `facts` about itself and `job` about the job."""

    def __init__(self, path: Path):
        self.path = path
        if not _ENDING.search(path.name):
            raise UserError(f"{path} is no shard: a name such as captions.shard-3-of-8.jsonl was expected.")
        try:
            path.stat()
            with open_regular(run_path(path)) as file:
                self.job = json.loads(file.read())
            self.facts = self.job.pop(SHARD)
            self.job[_FORM] = [self.facts[name] for name in ("of", "key", "things", "columns")]
            self.number, self.items, self.keys = (self.facts[name] for name in ("number", "items", "keys"))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or "it was not written by --shard, or is damaged"
            raise UserError(
                f"{path} cannot be merged: {run_path(path).name}, or itself, cannot be read ({reason})."
            ) from None

    def lines(self, counts: _Counts) -> Iterator[bytes]:
        """Its records as they stand in a journal.

        Raises:
            UserError: they are not all there, or others are.
        """
        records, keys = 0, 0
        for record in read_journal(self.path):
            records += 1
            keys += key_hash(record_key(record, self.facts["key"]))
            counts.errors += "error" in record
            yield to_line(record)
        counts.records += records
        things, again = self.facts["things"], f"--shard {self.number}/{self.facts['of']}"
        if records < self.items:
            raise UserError(
                f"{self.path} is not finished: it has {records:,} of {self.items:,} {things}. Repeat its command "
                f"({again}), which goes on, and merge again. Nothing was written."
            )
        if records > self.items or f"{keys % 2**64:016x}" != self.keys:
            raise UserError(
                f"{self.path} holds other {things} than those of its shard: it was changed since. Remove it, repeat "
                f"its command ({again}), and merge again. Nothing was written."
            )


def _check_one_job(shards: Sequence[_OpenedShard]) -> None:
    first = shards[0]
    for other in shards[1:]:
        if other.facts["of"] != first.facts["of"]:
            raise UserError(
                f"{first.path} is one of {first.facts['of']} shards and {other.path} one of {other.facts['of']}: "
                "shards of one division were expected. Name only those."
            )
        names = {**first.job, **other.job}
        differing = [name for name in names if first.job.get(name) != other.job.get(name)]
        if differing:
            raise UserError(
                f"{other.path} was made with another {' and another '.join(differing)} than {first.path}: shards of "
                "one job were expected. Name only those, or repeat the command of the other."
            )
    of_number: dict[int, Path] = {}
    for shard in shards:
        if shard.number in of_number:
            raise UserError(
                f"{of_number[shard.number]} and {shard.path} are both shard {shard.number} of {shard.facts['of']}: "
                "each was expected once. Name one of them."
            )
        of_number[shard.number] = shard.path
    missing = [number for number in range(1, first.facts["of"] + 1) if number not in of_number]
    if missing:
        which = f"Shard {missing[0]}" if len(missing) == 1 else f"{len(missing)} shards, {missing[0]} the first,"
        raise UserError(
            f"{which} of {first.facts['of']} {'is' if len(missing) == 1 else 'are'} missing: run the command with "
            f"--shard {missing[0]}/{first.facts['of']}, or name the file as well."
        )


def _check_equal(journal: Path, lines: Iterator[bytes]) -> None:
    """Lets a finished merge be repeated."""
    with as_user_error(journal), open_regular(journal) as file:
        equal = all(old == new for old, new in itertools.zip_longest(file, lines))
    if not equal:
        raise UserError(
            f"{journal} exists already and holds something else than these shards. Nothing was changed: give another "
            "--output, or move that file away."
        )


def _write(journal: Path, lines: Iterable[bytes], shards: Sequence[_OpenedShard], follow_link: bool) -> None:
    """The journal comes last: until it is there, nothing is merged."""
    with atomic_file(journal, follow_link=follow_link) as file:
        file.writelines(lines)
        with atomic_file(stamps_path(journal)) as stamps:
            for shard in shards:
                if stamps_path(shard.path).exists():
                    with open_regular(stamps_path(shard.path)) as part:
                        stamps.write(part.read())
        made_with = {name: value for name, value in shards[0].job.items() if name not in (LIST, BATCHES, _FORM)}
        atomic_write(run_path(journal), run_facts(made_with))
