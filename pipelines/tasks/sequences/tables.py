"""Your own examples: a table with sources and targets.

    tag         text, tags      as many tags as words: "DET NOUN", or a list
    classify    text, label     a label may be a number, or true and false
    translate   source, target
    describe    source, target  source: facts such as "count=1 colour=red"

The table is a csv, tsv or jsonl file, or a folder with one, or with one a split (`train.csv`, `val.csv`, `test.csv`). A
column `split` names train, dev or test; without it a hash of the text decides, about 10 % each for dev
and test.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.text.comparable import comparable
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.datasets.rows import choose_tables, csv_rows, find_tables, is_jsonl, json_rows, named_split
from pipelines.data.datasets.splits import hashed_splits
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT, is_text, truncate
from pipelines.data.datasets.values import field_values, value_text
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


def read_examples(path: Path, task: str, tokenizer: str) -> tuple[dict[str, list[SequenceExample]], list[Problem]]:
    """The examples of a table, split, and what is wrong with single rows.

    A text that is in test or dev stays there alone: rows of train that repeat it are left out.

    Raises:
        UserError: there is no table, or a column is missing, or nothing is left to learn from.
    """
    if task not in COLUMNS:
        raise UserError(f"Examples of {task!r} cannot be read from a table; leave --data out, or use Python.")
    problems, rows = ProblemList("text"), []
    for split, table in _tables(path):
        rows += _rows(problems, table, split, task, tokenizer)
    splits: dict[str, list[SequenceExample]] = {split: [] for split in SPLITS}
    for row in _assign_splits(problems, rows):
        splits[row.split].append(row.example)
    for split in ("train", "dev"):
        if not splits[split]:
            first = f" The first problem: {problems.problems[0]}." if problems.problems else ""
            raise UserError(f"{path} leaves no rows for {split}, without which nothing can be learned.{first}")
    return splits, problems.problems


def _tables(path: Path) -> list[tuple[str | None, Path]]:
    if path.is_dir():
        return choose_tables(path, find_tables(path), "examples")
    if not path.is_file():
        raise UserError(f"There is no file or folder {path}. Give a table (csv, tsv or jsonl), or a folder with one.")
    if path.suffix.lower() not in KINDS:
        raise UserError(f"{path} is no table: expected a file that ends in {', '.join(KINDS)}.")
    return [(None, path)]


def _rows(problems: ProblemList, path: Path, split: str | None, task: str, tokenizer: str) -> Iterator[_Row]:
    """The rows of one table; a column `split` takes precedence over the split that the table's name stands for."""
    read = list(json_rows(problems, path) if is_jsonl(path) else csv_rows(problems, path, COLUMNS[task]))
    with_split = any("split" in row for _, row in read)
    for line, row in read:
        location, of_row = Location(path, line), split
        example = _example(problems, location, row, task, get_tokenizer(tokenizer).tokenize)
        if example is None:
            continue
        if with_split:
            of_row = named_split(problems, example.source, row.get("split"), location)
            if of_row is None:
                continue
            if of_row not in SPLITS:
                text = f"the split {truncate(of_row)} is neither train, dev nor test; the row was left out"
                problems.problem(location, text)
                continue
        yield _Row(example, of_row and canonical_split(of_row), location)


def _example(problems, location, row: dict, task: str, tokenize: Callable) -> SequenceExample | None:
    """The example of a row, or None and a problem."""
    columns = COLUMNS[task]
    values = [row.get(columns[0]), *(field_values(row.get(columns[1])) if task == "tag" else [row.get(columns[1])])]
    texts = list(map(value_text, values))
    if None in texts:
        shown = {name: row.get(name) for name in columns}
        return problems.unexpected(location, f"{columns[0]} and {columns[1]}", shown, "the row was left out")
    source, target = texts[0], " ".join(texts[1:])
    if not is_text(source + target):
        return problems.problem(location, NOT_TEXT_LEFT_OUT)
    source, target = " ".join(source.split()), " ".join(target.split())
    target = comparable(target) if task in ("tag", "classify") else target  # labels
    words, tags, fault = source.split() if task == "describe" else tokenize(source), tuple(target.split()), ""
    if not words:
        fault = f"{truncate(source)} holds no words"
    elif task == "classify" and not target:
        fault = f"{truncate(source)} has no label"
    elif task == "tag" and len(tags) != len(words):
        fault = f"{len(tags)} tags for {len(words)} words ({truncate(' '.join(words))})"
    elif task in ("translate", "describe") and not tokenize(target):
        fault = f"{truncate(target)} holds no words"
    if fault:
        return problems.problem(location, f"{fault}; the row was left out")
    return SequenceExample(source, {"tag": tags, "classify": (target,)}.get(task, target))


def _assign_splits(problems: ProblemList, rows: list[_Row]) -> list[_Row]:
    """The rows with their splits, none of whose texts is in two splits."""
    if not any(row.split for row in rows):
        splits = hashed_splits((row.example.source for row in rows), _SHARE)
        return [dataclasses.replace(row, split=splits[row.example.source]) for row in rows]
    # Where some tables name a split and others do not, those that do not are for training.
    rows = [dataclasses.replace(row, split=row.split or "train") for row in rows]
    owners: dict[str, _Row] = {}  # of each text, the row that decides its split
    for row in sorted(rows, key=lambda row: -SPLITS.index(row.split)):
        owners.setdefault(row.example.source, row)
    kept = []
    for row in rows:
        owner = owners[row.example.source]
        if owner.split == row.split:
            kept.append(row)
        else:
            line = f"{owner.location.path.name}:{owner.location.line}"
            text = f"is in {owner.split} as well ({line}); it stays in {owner.split} only"
            problems.problem(row.location, f"{truncate(row.example.source)} {text}")
    return kept
