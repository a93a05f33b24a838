"""Parquet with images inside, as Hugging Face's hub has data sets: `train-00000-of-00002.parquet`.

The column `image` holds bytes, or `{bytes, path}`; captions are in `caption`, `captions`, `caption_0` ..., `sentences`
or `reference_strs`, or else in `text`, as texts or lists of texts. Splits are in a column `split`, or in the names of
files or their folders, in any case; where nothing says them, the images are split by a hash of names. Rows with the
same `image_id`, `img_id`, `cocoid`, `imgid`, `filename` or `file_name` are of one image.

Only the annotations are read; an image is read when it is needed (`pipelines.data.datasets.parquet_files`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.images.files import litter_line
from pipelines.data.datasets.archives import ArchivedImages, Shards
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.parquet_files import (
    IMAGE_COLUMNS,
    BlockCache,
    ParquetFile,
    ParquetImage,
    image_column,
    is_text_type,
)
from pipelines.data.datasets.rows import SHARE, find_tables, named_split
from pipelines.data.datasets.table import add_captions, caption_columns
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Id, Location
from pipelines.utils.progress import format_bytes
from pipelines.utils.tables import need_parquet

EXPECTS = (
    "parquet files with image (bytes, or {bytes, path}) and caption, captions, sentences or text; split in their names"
)
ENDINGS = (".parquet",)
_IDS, _NAMES = ("image_id", "img_id", "cocoid", "imgid"), ("filename", "file_name")
_LARGE = 256 * 2**20  # of a row group: more is slow to read out of order


@dataclass
class Row:
    """A row of a file.

    name: of its image, as the builder has it. fields: columns in lower case -> values. source_id: of the image.
    """

    name: str
    location: Location
    fields: dict
    split: str | None
    source_id: Id


def recognise(root: Path) -> bool:
    """Whether there are parquet files, and the first that can be read has images and captions; True if none can."""
    return holds(root, lambda columns: bool(caption_columns(columns)))


def read(root: Path) -> DataSet:
    """Reads the captions in the parquet files of the folder `root`, or in the one file `root`.

    Raises:
        UserError: there is no image with a caption, or the library that reads parquet is not installed.
    """
    shards = Shards(root, ENDINGS)
    builder = DatasetBuilder(
        "parquet", shards.root, ArchivedImages(shards.root, f"{len(shards.paths):,} parquet files")
    )
    for row in read_rows(builder, shards, _columns):
        captions = {name: row.fields[name] for name in caption_columns(row.fields)}
        add_captions(builder, row.name, captions, row.location, row.split, row.source_id)
    return builder.finish(licence_of(shards.root))


def holds(root: Path, fits: Callable[[Iterable[str]], bool]) -> bool:
    """Whether the first parquet file that can be read has images and columns that fit.

    A table of names of images that some program wrote beside other annotations is no data set of its own.
    """
    paths = Shards(root, ENDINGS).paths
    for path in paths:
        try:
            file = ParquetFile(path, BlockCache())
        except UserError:
            continue
        if not fits(file.columns) or not set(IMAGE_COLUMNS) & set(file.columns):
            return False
        try:
            image_column(file)
        except UserError:
            return root.is_file() or not find_tables(root)
        return True
    return bool(paths)


def read_rows(
    builder: DatasetBuilder, shards: Shards, columns: Callable[[ParquetFile], Sequence[str]]
) -> Iterator[Row]:
    """The rows of all files; what is wrong with a file is reported, and what comes before damage is kept.

    Args:
        builder: its finder is an `ArchivedImages`, which takes the images.
        shards: of the data set.
        columns: those of a file that are wanted, in lower case; raises `UserError` where they cannot be used.

    Raises:
        UserError: the library that reads parquet is not installed.
    """
    need_parquet()
    shards.report(builder)
    cache = BlockCache()
    splits, named, largest = set(), False, 0
    for path in shards.paths:
        try:
            file = ParquetFile(path, cache)
            image, image_path = image_column(file)
            wanted = columns(file)
            largest = max(largest, file.largest_group(image))
            named = named or "split" in file.columns
            for row in _rows(builder, file, (image, image_path), wanted, shards.split_of(path)):
                splits.add(row.split)
                yield row
        except UserError as error:
            builder.problem(Location(path), str(error).removeprefix(f"{path} ").rstrip("."))
    builder.notes += filter(None, [litter_line(shards.litter, "archives")])
    if largest > _LARGE:
        builder.notes.append(
            f"There are row groups of {format_bytes(largest)}: reading images out of order, as an encoder that is "
            "trained whole does, takes long. `captioner data convert --format parquet` writes small ones."
        )
    if not named:
        builder.use_folders(splits, SHARE, "files of")


def _rows(
    builder: DatasetBuilder,
    file: ParquetFile,
    image: tuple[str, str],
    wanted: Sequence[str],
    of_file: str | None,
) -> Iterator[Row]:
    column, path_column = image
    known = [name for name in ("split", *_IDS, *_NAMES) if name in file.columns]
    leaves = [file.columns[name] for name in dict.fromkeys((*wanted, *known))] + [path_column] * bool(path_column)
    with_path = path_column.rpartition(".")[0]
    for number, values in file.annotations(leaves):
        location = Location(file.path, part=f"row {number}")
        fields = {name: values[file.columns[name]] for name in (*wanted, *known)}
        of_image = as_id(next((fields[name] for name in _IDS if fields.get(name) is not None), None))
        own = next((text for name in _NAMES if (text := value_text(fields.get(name)))), "")
        path = value_text((values.get(with_path) or {}).get("path")) or "" if with_path else ""
        identity = value_text(of_image) or own
        split = of_file
        if "split" in fields:
            split = named_split(builder, identity or f"the image of row {number}", fields["split"], location)
            if split is None:
                continue
        name = identity if identity and builder.finder.find(identity) else None
        if name is None:
            name = builder.finder.add(ParquetImage(file, column, number, path or own), identity)
        if name is None:
            builder.problem(location, "an image of this name is there already; left out")
            continue
        source_id = (path or own) if of_image is None else of_image
        yield Row(name, location, {column: fields[column] for column in wanted}, split, source_id)


def _columns(file: ParquetFile) -> list[str]:
    """The columns of captions.

    Raises:
        UserError: there are none, or one holds something else.
    """
    names = caption_columns(file.columns)
    if not names:
        listed = ", ".join(f"`{name}`" for name in list(file.columns)[:10])
        raise UserError(f"{file.path} has no column of captions; it has: {listed}.")
    for name in names:
        if not _is_captions(file.type_of(name)):
            raise UserError(
                f"{file.path} has {file.type_of(name)} in its column `{file.columns[name]}`; captions as texts, or "
                "lists of texts, were expected."
            )
    return names


def _is_captions(kind) -> bool:
    pyarrow, _ = need_parquet()
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        kind = kind.value_type
    if pyarrow.types.is_struct(kind):
        names = [kind.field(index).name for index in range(kind.num_fields)]
        return "raw" in names and is_text_type(kind.field(names.index("raw")).type)
    return is_text_type(kind) or pyarrow.types.is_null(kind)
