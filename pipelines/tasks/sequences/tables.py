"""Your own examples: a table with a text and what is to be made of it.

    tag         text, tags      as many tags as words: "DET NOUN", or in jsonl a list
    classify    text, label
    translate   source, target
    describe    source, target  source: facts such as "count=1 colour=red"

The table is a csv, tsv or jsonl file, or a folder with one, or with one a split (`train.csv`, `val.csv`, `test.csv`). A
column `split` says what belongs to train, dev and test; without it a hash of the text decides, about 10 % each for dev
and test.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.datasets.rows import choose_tables, csv_rows, find_tables, is_jsonl, json_rows, named_split
from pipelines.data.datasets.splits import hashed_splits
from pipelines.data.datasets.text import is_text, truncate
from pipelines.data.examples import SPLITS, Location, Problem, ProblemList, canonical_split
from pipelines.tasks.sequences.examples import SequenceExample

COLUMNS = {
    "tag": ("text", "tags"),
    "classify": ("text", "label"),
    "translate": ("source", "target"),
    "describe": ("source", "target"),
}
KINDS = (".csv", ".tsv", ".jsonl")
_SHARE = 0.1


@dataclass(frozen=True)
class _Row:
    example: SequenceExample
    split: str | None
    location: Location


class _Rows(ProblemList):
    """Takes the rows of the tables in."""

    def __init__(self):
        super().__init__("text")
        self.rows: list[_Row] = []


def read_examples(path: Path, task: str, tokenizer: str) -> tuple[dict[str, list[SequenceExample]], list[Problem]]:
    """The examples of a table, split, and what is wrong with single rows.

    A text that is in test or dev stays there alone: rows of train that repeat it are left out.

    Raises:
        UserError: there is no table, or a column is missing, or nothing is left to learn from.
    """
    if task not in COLUMNS:
        raise UserError(f"Examples of {task!r} cannot be read from a table; leave --data out, or use Python.")
    rows = _Rows()
    for split, table in _tables(path):
        _add(rows, table, task, tokenizer, split)
    placed = _placed(rows)
    splits: dict[str, list[SequenceExample]] = {split: [] for split in SPLITS}
    for row in placed:
        splits[row.split].append(row.example)
    for split in ("train", "dev"):
        if not splits[split]:
            first = f" The first problem: {rows.problems[0]}." if rows.problems else ""
            raise UserError(f"{path} leaves no rows for {split}, without which nothing can be learned.{first}")
    return splits, rows.problems


def _tables(path: Path) -> list[tuple[str | None, Path]]:
    if path.is_dir():
        return choose_tables(path, find_tables(path), "examples")
    if not path.is_file():
        raise UserError(f"There is no file or folder {path}. Give a table (csv, tsv or jsonl), or a folder with one.")
    if path.suffix.lower() not in KINDS:
        raise UserError(f"{path} is no table: expected a file that ends in {', '.join(KINDS)}.")
    return [(None, path)]


def _add(rows: _Rows, path: Path, task: str, tokenizer: str, split: str | None) -> None:
    """Adds the rows of one table."""
    columns = COLUMNS[task]
    read = list(json_rows(rows, path) if is_jsonl(path) else csv_rows(rows, path, columns))
    with_split = any("split" in row for _, row in read)
    for line, row in read:
        location = Location(path, line)
        source, target = (row.get(name) for name in columns)
        if task == "tag" and isinstance(target, list):
            target = " ".join(map(str, target))
        if not isinstance(source, str) or not isinstance(target, str):
            rows.problem(location, f"expected {columns[0]} and {columns[1]}, both text; the row was left out")
            continue
        if not is_text(source + target):
            rows.problem(location, "the row is not UTF-8 text; it was left out")
            continue
        of_row = split
        if with_split:
            of_row = named_split(rows, source, row.get("split"), location)
            if of_row is None:
                continue
            if of_row not in SPLITS:
                text = f"the split {truncate(of_row)} is neither train, dev nor test; the row was left out"
                rows.problem(location, text)
                continue
        example = _example(rows, location, task, tokenizer, source, target)
        if example:
            rows.rows.append(_Row(example, of_row and canonical_split(of_row), location))


def _example(rows: _Rows, location, task, tokenizer, source, target) -> SequenceExample | None:
    """The example of a row, or None and a problem."""
    source = " ".join(source.split())
    words = source.split() if task == "describe" else get_tokenizer(tokenizer).tokenize(source)
    if not words:
        rows.problem(location, f"{truncate(source)} holds no words; the row was left out")
        return None
    if task == "classify":
        label = " ".join(target.split())
        if not label:
            rows.problem(location, f"{truncate(source)} has no label; the row was left out")
            return None
        return SequenceExample(source, (label,))
    if task == "tag":
        tags = tuple(target.split())
        if len(tags) != len(words):
            text = f"{len(tags)} tags for {len(words)} words ({truncate(' '.join(words))}); the row was left out"
            rows.problem(location, text)
            return None
        return SequenceExample(source, tags)
    if not get_tokenizer(tokenizer).tokenize(target):
        rows.problem(location, f"{truncate(target)} holds no words; the row was left out")
        return None
    return SequenceExample(source, " ".join(target.split()))


def _placed(rows: _Rows) -> list[_Row]:
    """The rows with their splits, none of whose texts is in two splits."""
    if not any(row.split for row in rows.rows):
        splits = hashed_splits((row.example.source for row in rows.rows), _SHARE)
        return [dataclasses.replace(row, split=splits[row.example.source]) for row in rows.rows]
    # Where some tables name a split and others do not, those that do not are for training.
    named = [dataclasses.replace(row, split=row.split or "train") for row in rows.rows]
    home: dict[str, _Row] = {}
    for split in reversed(SPLITS):
        for row in named:
            if row.split == split:
                home.setdefault(row.example.source, row)
    kept = []
    for row in named:
        first = home[row.example.source]
        if first.split == row.split:
            kept.append(row)
        else:
            line = f"{first.location.path.name}:{first.location.line}"
            text = f"is in {first.split} as well ({line}); it stays in {first.split} only"
            rows.problem(row.location, f"{truncate(row.example.source)} {text}")
    return kept
