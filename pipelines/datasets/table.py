"""Your own captions: a plain table with the columns `image` and `caption`, and `split` if you like.

The table is `captions.csv`, `captions.tsv` or `captions.jsonl`, or the only file of these kinds in the
folder, or one file a split (`train.csv`, `val.csv`, `test.csv`). `image` is a path relative to the folder
or to its `images/`; an image with several captions has several rows (or, in jsonl, a list of captions).
Without splits the images are split by a hash of their names: about 10 % each are dev and test
(`pipelines.datasets.splits.hashed_splits`).
"""

import reprlib
from collections.abc import Iterator
from pathlib import Path

from captioner.errors import UserError, nearest
from pipelines.datasets.gather import Gathering
from pipelines.datasets.text import parse_json, read_lines, read_records, shown
from pipelines.examples import SPLITS, DataSet, canonical_split

EXPECTS = (
    "captions.csv, captions.tsv or captions.jsonl with image and caption (and split); images beside it or in images/"
)
IMAGE_FOLDERS = (".", "images", "Images")
_KINDS = (".csv", ".tsv", ".jsonl")
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t", ".txt": ",;\t"}
_SHARE = 0.1


def recognise(root: Path) -> bool:
    """Whether there is any csv, tsv or jsonl file in `root`; what is wrong with it, `read` says better."""
    return bool(_tables(root))


def read(root: Path) -> DataSet:
    """Reads the table in `root`.

    Raises:
        UserError: there is no table or several, a column is missing, or none of the images is there.
    """
    gathering = Gathering("table", root, IMAGE_FOLDERS)
    files = _choose(root, _tables(root))
    told = [
        (add_jsonl if path.suffix.lower() == ".jsonl" else add_csv)(gathering, path, split) for split, path in files
    ]
    if not any(told):
        gathering.use_hash(_SHARE)
    return gathering.finish()


def _tables(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.suffix.lower() in _KINDS and path.is_file())


def _choose(root: Path, tables: list[Path]) -> list[tuple[str | None, Path]]:
    """Which tables to read, and the split that a table's name stands for: test first, see `SplitLists`."""
    named = [path for path in tables if path.stem.lower() == "captions"]
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
        f"{root} must hold one table of captions, or one a split (train.csv, val.csv, test.csv). "
        f"It holds: {names}. Call the one that is meant captions.csv, captions.tsv or captions.jsonl, "
        "and keep only one of that name."
    )


def add_csv(gathering: Gathering, path: Path, split: str | None = None, keep_repeats: bool = False) -> bool:
    """Adds the rows of a delimited file with a header; returns whether anything says the splits.

    Raises:
        UserError: the file cannot be read, or a column is missing.
    """
    delimiter = _delimiter(path)
    records = read_records(path, delimiter)
    header_line, header = next(records, (1, None))
    columns = [name.strip().lower() for name in header or []]
    for name in ("image", "caption"):
        if name not in columns:
            found = ", ".join(shown(column, 30) for column in columns[:10]) or "nothing that reads as a header"
            raise UserError(
                f"{path}:{header_line}: the column `{name}` is missing. The first row must name the columns, "
                f"at least image and caption; it has: {found}.{nearest(name, columns)}"
            )
    image, caption = columns.index("image"), columns.index("caption")
    split_column = columns.index("split") if "split" in columns else None
    for line, fields in records:
        while fields and len(fields) > len(columns) and not fields[-1].strip():
            fields.pop()  # spreadsheets pad rows
        if fields is None:
            text = "a quotation mark is not closed, or text follows a closed one; the row was left out"
            gathering.problem(path, line, text)
        elif len(fields) != len(columns):
            hint = " (a caption with commas needs quotation marks)" if len(fields) > len(columns) else ""
            text = f"{len(fields)} fields where the header has {len(columns)}{hint}; the row was left out"
            gathering.problem(path, line, text)
        elif split_column is None:
            gathering.add(fields[image], fields[caption], path, line, split=split, keep_repeats=keep_repeats)
        else:
            _add_with_split(gathering, fields[image], fields[caption], fields[split_column], path, line)
    return split is not None or split_column is not None


def _delimiter(path: Path) -> str:
    """The delimiter of the header: spreadsheets of many countries write ";" and call it csv."""
    header = next((text for _, text in read_lines(path)), "").lower()
    candidates = _DELIMITERS.get(path.suffix.lower(), ",")
    return max(candidates, key=lambda mark: len({"image", "caption"} & {n.strip(' "') for n in header.split(mark)}))


def add_jsonl(gathering: Gathering, path: Path, split: str | None = None) -> bool:
    """Adds the objects of a file with one JSON object a line; returns whether anything says the splits."""
    told = split is not None
    rows = list(_objects(gathering, path))
    with_split = any("split" in row for _, row in rows)
    for line, row in rows:
        captions = row.get("caption", row.get("captions"))
        captions = captions if isinstance(captions, list) else [captions]
        if not isinstance(row.get("image"), str) or not all(isinstance(caption, str) for caption in captions):
            text = f"expected an image and a caption, both text, got {reprlib.repr(row)}; the row was left out"
            gathering.problem(path, line, text)
            continue
        for caption in captions:
            if with_split:
                _add_with_split(gathering, row["image"], caption, row.get("split"), path, line)
            else:
                gathering.add(row["image"], caption, path, line, split=split)
    return told or with_split


def _objects(gathering: Gathering, path: Path) -> Iterator[tuple[int, dict]]:
    for line, text in read_lines(path):
        try:
            row = parse_json(text, "this line")
        except UserError as error:
            gathering.problem(path, line, f"{error} The row was left out")
            continue
        if isinstance(row, dict):
            yield line, row
        else:
            gathering.problem(path, line, f"expected an object {{...}}, got {shown(text)}; the row was left out")


def _add_with_split(gathering: Gathering, image: str, caption: str, split: object, path: Path, line: int):
    """Adds a row that should name its split. A name that nobody knows is taken as it is, a near miss is
    told."""
    if not isinstance(split, str) or not split.strip():
        gathering.problem(path, line, f"{shown(image)} has no split; the row was left out")
        return
    split = canonical_split(split)
    if split not in SPLITS:
        hint = nearest(split.lower(), SPLITS)
        if hint:
            gathering.problem(path, line, f"the split is called {shown(split)}; it was kept.{hint}")
    gathering.add(image, caption, path, line, split=split)
