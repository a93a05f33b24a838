"""Hugging Face's imagefolder: `metadata.csv` or `metadata.jsonl` beside the images, with `file_name` and captions.

The file is in the folder itself or in one folder a split (`train/`, `validation/`, `test/`, in any case), and
`file_name` begins in the folder of the file. Captions are in `caption`, `captions` (a list) and `caption_0`,
`caption_1` ..., or else in `text`. The split is that of the folder, of a column `split`, or of the folder in
`file_name` (`train/0001.jpg`); where nothing says it, or all is in `train/`, the images are split by a hash of names.
"""

import posixpath
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.rows import SHARE, csv_rows, header_of, is_jsonl, json_rows, named_split
from pipelines.data.datasets.splits import split_folders, split_in_path
from pipelines.data.datasets.table import add_captions, caption_columns
from pipelines.data.datasets.text import truncate
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import DataSet, Location

EXPECTS = (
    "metadata.csv or metadata.jsonl with file_name and text, caption, captions or caption_0, caption_1 ...; in the "
    "folder or in train/, validation/ and test/"
)
_FILES = ("metadata.jsonl", "metadata.csv")


def recognise(root: Path) -> bool:
    """Whether there is a metadata file with `file_name` and captions."""
    return bool(_metadata(root))


def read(root: Path) -> DataSet:
    """Reads the metadata files of `root`.

    Raises:
        UserError: there is none, one cannot be read, or none of the images is there.
    """
    files = _metadata(root)
    if not files:
        raise UserError(f"There is no metadata.csv and no metadata.jsonl with file_name and captions in {root}.")
    builder = DatasetBuilder("imagefolder", root, (".",))
    splits = [_add(builder, path, split) for path, split in files]
    if not any("split" in header_of(path) for path, _ in files):
        builder.use_folders(set().union(*splits), SHARE)
    return builder.finish()


def _metadata(root: Path) -> list[tuple[Path, str | None]]:
    """The metadata files and the splits that their folders stand for, test first."""
    folders = [*split_folders(root), (root, None)]
    found = []
    for folder, split in folders:
        fitting = (folder / name for name in _FILES if (folder / name).is_file())
        path = next((path for path in fitting if _fits(header_of(path))), None)
        if path is not None:
            found.append((path, split))
    return found


def _fits(header: list[str]) -> bool:
    return "file_name" in header and bool(caption_columns(header))


def _add(builder: DatasetBuilder, path: Path, split: str | None) -> set[str | None]:
    """Adds the rows of a file; returns the splits that they are in, None where nothing says it."""
    folder = path.parent.relative_to(builder.root).as_posix()
    splits = set()
    for line, row in json_rows(builder, path) if is_jsonl(path) else csv_rows(builder, path, ("file_name",)):
        location, name = Location(path, line), value_text(row.get("file_name"))
        columns = caption_columns(row)
        if name is None or not columns:
            builder.unexpected(location, "file_name and a caption", row, "the row was left out")
            continue
        name = name.strip().replace("\\", "/")
        if posixpath.isabs(name):
            text = f"{truncate(name)} is no path that begins in the folder of {path.name}; the row was left out"
            builder.problem(location, text)
            continue
        of_row = split or split_in_path(name)
        if "split" in row and split is None:
            of_row = named_split(builder, name, row["split"], location)
            if of_row is None:
                continue
        splits.add(of_row)
        name = posixpath.normpath(posixpath.join(folder, name)) if name else name
        add_captions(builder, name, {column: row[column] for column in columns}, location, of_row)
    return splits
