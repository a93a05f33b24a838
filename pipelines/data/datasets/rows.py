"""The rows of plain tables (csv, tsv, jsonl), whatever they hold: captions or questions.

What is wrong with a row goes into a `ProblemList`, and the others are read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from captioner.errors import UserError, nearest
from captioner.images.files import litter_kind, litter_line
from captioner.text.comparable import comparable
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT, is_text, parse_json, read_lines, read_records, truncate
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import SPLITS, DataSet, Location, ProblemList, canonical_split
from pipelines.data.synthetic.scenes import NOVEL_SPLIT

_KINDS = (".csv", ".tsv", ".jsonl")
SHARE = 0.1  # of the images for dev, and as many for test, where nothing says the splits
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t", ".txt": ",;\t"}


def find_tables(root: Path) -> list[Path]:
    """The csv, tsv and jsonl files of a folder, or `root` itself if it is one; not `._captions.csv`, which macOS writes
    on some disks.
    """
    return [path for path in _named_like_tables(root) if not litter_kind(path.name)]


def is_table(path: Path) -> bool:
    """Whether a path is a file that is called as tables are."""
    return path.suffix.lower() in _KINDS and path.is_file()


def folder_of(root: Path) -> Path:
    """The folder in which the names of images begin: `root`, or the folder of the table `root`."""
    return root.parent if root.is_file() else root


def _named_like_tables(root: Path) -> list[Path]:
    return sorted(filter(is_table, [root] if root.is_file() else root.iterdir()))


def is_jsonl(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


def read_tables(builder: DatasetBuilder, tables: list[Path], stem: str, add_table: Callable) -> DataSet:
    """The data set in one or several tables; where they say no splits, by a hash of the images' names.

    Args:
        builder: of the data set.
        tables, stem: see `choose_tables`.
        add_table: adds the rows of a table; called with builder, path and split, returns whether anything says the
            splits.

    Raises:
        UserError: there is no table or several, a column is missing, or none of the images is there.
    """
    litter = Counter(filter(None, (litter_kind(path.name) for path in _named_like_tables(builder.root))))
    builder.notes += filter(None, [litter_line(litter, "tables")])
    with_splits = [add_table(builder, path, split) for split, path in choose_tables(builder.root, tables, stem)]
    if not any(with_splits):
        builder.use_hash(SHARE)
    return builder.finish()


def choose_tables(root: Path, tables: list[Path], stem: str) -> list[tuple[str | None, Path]]:
    """Which tables to read, and the split that a table's name stands for: test first, see `read_split_lists`.

    Args:
        root: the folder, for the message.
        tables: those that could be meant.
        stem: what the table is called where there are several: "captions".

    Raises:
        UserError: there is none, or it is not clear which is meant.
    """
    named = [path for path in tables if path.stem.lower() == stem]
    if len(named) == 1 or len(tables) == 1:
        path = (named or tables)[0]
        split = canonical_split(path.stem)
        return [(split if split in SPLITS[1:] else None, path)]  # train.csv alone still has to be split
    splits = [(canonical_split(path.stem), path) for path in tables]
    splits = [(split, path) for split, path in splits if split in SPLITS]
    if splits and not named and len({split for split, _ in splits}) == len(splits):
        return sorted(splits, key=lambda item: ("test", "dev", "train").index(item[0]))
    names = ", ".join(path.name for path in tables) or "none"
    raise UserError(
        f"{root} must hold one table of {stem}, or one a split (train.csv, val.csv, test.csv). "
        f"It holds: {names}. Call the one that is meant {stem}.csv, {stem}.tsv or {stem}.jsonl "
        f"and keep only one of that name{', or give the table itself in place of its folder' if tables else ''}."
    )


def header_of(path: Path) -> list[str]:
    """The column names of a delimited file, in lower case; of a jsonl file, the keys of the first object in it."""
    try:
        if is_jsonl(path):
            return lowered(next((row for _, row in json_rows(ProblemList("row"), path)), {}))
        _, header = next(read_records(path, delimiter_of(path, ("image",))), (1, []))
    except UserError:
        return []
    return lowered(header)


def csv_rows(problems: ProblemList, path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """`(line, column -> field)` of a delimited file with a header; columns are in lower case.

    Raises:
        UserError: the file cannot be read, or a column of `needed` is missing.
    """
    records = read_records(path, delimiter_of(path, needed))
    header_line, header = next(records, (1, []))
    columns = lowered(header)
    for name in needed:
        if name not in columns:
            listed = ", ".join(truncate(column, 30) for column in columns[:10]) or "nothing that reads as a header"
            raise UserError(
                f"{path}:{header_line}: the column `{name}` is missing. The first row must name the columns, "
                f"at least {_listed(needed)}; it has: {listed}.{nearest(name, columns)}"
            )
    positions = {name: columns.index(name) for name in columns}
    for line, fields in records:
        if isinstance(fields, str):
            problems.problem(Location(path, line), f"{fields}; the row was left out")
            continue
        while len(fields) > len(columns) and not fields[-1].strip():
            fields.pop()  # spreadsheets pad rows
        if len(fields) != len(columns):
            more = len(fields) > len(columns)
            hint = f" (a {problems.thing} with commas needs quotation marks)" if more else ""
            text = f"{len(fields)} fields where the header has {len(columns)}{hint}; the row was left out"
            problems.problem(Location(path, line), text)
        else:
            yield line, {name: fields[position] for name, position in positions.items()}


def json_rows(problems: ProblemList, path: Path) -> Iterator[tuple[int, dict]]:
    """`(line, object)` of a file with one JSON object a line; keys are in lower case, as columns are.

    Raises:
        UserError: the file cannot be read.
    """
    for line, text in read_lines(path):
        try:
            row = parse_json(text, "this line")
        except UserError as error:
            problems.problem(Location(path, line), f"{error} The row was left out")
            continue
        if isinstance(row, dict):
            yield line, with_lowered(row)
        else:
            text = f"expected an object {{...}}, got {truncate(text)}; the row was left out"
            problems.problem(Location(path, line), text)


def lowered(names: Iterable[str]) -> list[str]:
    """Names of columns as they are compared; none of a header that could not be read, which is a text."""
    return [] if isinstance(names, str) else [comparable(name).lower() for name in names]


def with_lowered(row: dict) -> dict:
    """A JSON object with the names of its columns as they are compared; of two that are the same, the first counts."""
    columns: dict = {}
    for name, value in zip(lowered(row), row.values(), strict=True):
        columns.setdefault(name, value)
    return columns


def named_split(problems: ProblemList, image: str, split: object, location: Location) -> str | None:
    """The split that a row names; None, and a problem, where it names none.

    An unknown name is kept, with a problem the first time: it may be meant, and may be a slip. One that is no text is
    not: it would be written into the model's files, which are UTF-8, when the first epoch is done.
    """
    split = value_text(split) or ""
    if not split.strip():
        return problems.problem(location, f"{truncate(image)} has no split; the row was left out")
    if not is_text(split):
        return problems.problem(location, f"{truncate(image)}: {NOT_TEXT_LEFT_OUT}")
    split = canonical_split(split)
    if split not in (*SPLITS, NOVEL_SPLIT) and split not in problems.own_splits:
        problems.own_splits.add(split)
        text = f"the split {truncate(split)} is neither train, dev nor test; it was kept as one of its own."
        problems.problem(location, text + nearest(split.lower(), SPLITS))
    return split


def delimiter_of(path: Path, columns: Sequence[str]) -> str:
    """The delimiter of the header: spreadsheets of many countries write ";" and call it csv."""
    header = next((text for _, text in read_lines(path)), "").lower()
    candidates = _DELIMITERS.get(path.suffix.lower(), ",")
    return max(candidates, key=lambda mark: len({*columns} & {name.strip(' "') for name in header.split(mark)}))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
