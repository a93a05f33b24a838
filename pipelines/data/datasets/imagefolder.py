"""Hugging Face's imagefolder: `metadata.csv` or `metadata.jsonl` beside the images, with `file_name` and captions.

The file is in the folder itself or in one folder a split (`train/`, `validation/`, `test/`, in any case), and
`file_name` begins in the folder of the file. Captions are in `caption`, `captions` (a list) and `caption_0`,
`caption_1` ..., or else in `text`. The split is that of the folder, of a column `split`, or of the folder in
`file_name` (`train/0001.jpg`); where nothing says it, or all is in `train/`, the images are split by a hash of names.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.boundary import refuse_link
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.rows import SHARE, csv_rows, header_of, is_jsonl, json_rows, named_split
from pipelines.data.datasets.splits import split_folders, split_in_path
from pipelines.data.datasets.table import add_captions, caption_columns
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location

EXPECTS = (
    "metadata.csv or metadata.jsonl with file_name and text, caption, captions or caption_0, caption_1 ...; in the "
    "folder or in train/, validation/ and test/"
)
_FILES = ("metadata.jsonl", "metadata.csv")

Fits = Callable[[Sequence[str]], bool]  # whether a metadata file with these columns is meant


def recognise(root: Path) -> bool:
    """Whether there is a metadata file with `file_name` and captions."""
    return bool(find_metadata(root, _fits))


def read(root: Path) -> DataSet:
    """Reads the metadata files of `root`.

    Raises:
        UserError: there is none, one cannot be read, or none of the images is there.
    """
    return read_metadata(DatasetBuilder("imagefolder", root, (".",)), _fits, _add, "captions")


def find_metadata(root: Path, fits: Fits) -> list[tuple[Path, str | None]]:
    """The metadata files that fit and the splits that their folders stand for, test first.

    Raises:
        UserError: one is a link out of the data's folder.
    """
    found = []
    for paths, split in _metadata(root):
        fitting = [(path, split) for path in paths if fits(header_of(path))]
        found += fitting[:1]
    return found


def read_metadata(builder: DatasetBuilder, fits: Fits, add_file: Callable, what: str) -> DataSet:
    """The data set in the metadata files that fit.

    Args:
        builder: of the data set.
        add_file: adds the rows of a file; called with builder, path and split (None where its folder says none),
            returns the splits of the rows, see `place`.
        what: the columns needed beside `file_name`, in messages.

    Raises:
        UserError: there is no such file, one cannot be read, or none of the images is there.
    """
    files = find_metadata(builder.root, fits)
    if not files:
        text = f"There is no metadata.csv and no metadata.jsonl with file_name and {what} in {builder.root}."
        raise UserError(text)
    read_instead = {path.parent: path for path, _ in files}
    for path in (path for paths, _ in _metadata(builder.root) for path in paths if path not in read_instead.values()):
        if path.parent not in read_instead:
            builder.problem(Location(path), f"it has no columns file_name and {what}; left out")
        elif fits(header_of(path)):
            builder.problem(Location(path), f"{read_instead[path.parent].name} beside it was read instead")
    splits = [add_file(builder, path, split) for path, split in files]
    if not any("split" in header_of(path) for path, _ in files):
        builder.use_folders(set().union(*splits), SHARE)
    return builder.finish(licence_of(builder.root))


def place(
    builder: DatasetBuilder, path: Path, rows: Iterable[tuple[int, dict]], split: str | None
) -> Iterator[tuple[Location, str, str | None, dict]]:
    """`(location, name below the data's folder, split, row)` of the rows of a metadata file.

    Args:
        builder: takes the rows that name no image or no split.
        path: the file, in whose folder names begin.
        rows: `(line, row)`.
        split: that the folder stands for; where it stands for none, a column `split` or the name may say it.
    """
    folder = path.parent.relative_to(builder.root).as_posix()
    for line, row in rows:
        location, name = Location(path, line), value_text(row.get("file_name"))
        if name is None:
            builder.unexpected(location, "a file_name", row, "the row was left out")
            continue
        name = name.strip().replace("\\", "/")
        of_row = split or split_in_path(name)
        if "split" in row and split is None:
            of_row = named_split(builder, name, row["split"], location)
            if of_row is None:
                continue
        yield location, posixpath.normpath(posixpath.join(folder, name)) if name else name, of_row, row


def _metadata(root: Path) -> Iterator[tuple[list[Path], str | None]]:
    """The metadata files of each folder that may have some, and the split that the folder stands for, test first."""
    for folder, split in [*split_folders(root), (root, None)]:
        paths = [folder / name for name in _FILES if (folder / name).is_file()]
        for path in paths:
            refuse_link(path)  # which `header_of` would pass over
        yield paths, split


def _fits(header: Sequence[str]) -> bool:
    return "file_name" in header and bool(caption_columns(header))


def _add(builder: DatasetBuilder, path: Path, split: str | None) -> set[str | None]:
    rows = json_rows(builder, path) if is_jsonl(path) else csv_rows(builder, path, ("file_name",))
    splits = set()
    for location, name, of_row, row in place(builder, path, rows, split):
        columns = caption_columns(row)
        if columns:
            splits.add(of_row)
            captions, source_id = {column: row[column] for column in columns}, as_id(row.get("image_id"))
            add_captions(builder, name, captions, location, of_row, source_id)
        else:
            builder.unexpected(location, "file_name and a caption", row, "the row was left out")
    return splits
