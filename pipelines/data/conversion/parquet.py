"""Parquet as Hugging Face's hub has it: `data/train-00000-of-00002.parquet`, with `image: {bytes, path}`.

Row groups are small, so that single images are read without much around them, and images, which are compressed already,
are not compressed again. Of questions about one image, which are rows of their own, a row group keeps the bytes once.
"""

from collections.abc import Iterator
from pathlib import Path

from captioner.files import atomic_file, make_folder
from pipelines.data.conversion.content import Content, ImageItem, ImageReader, Names, question_fields
from pipelines.data.datasets.parquet_files import is_text_type
from pipelines.data.datasets.values import value_text
from pipelines.utils.tables import need_parquet

IMAGES = 2_000  # of a file
_GROUP_BYTES, _FEWEST_ROWS, _MOST_ROWS = 2**18, 4, 100  # of a row group, which reading one image reads whole
_LARGEST_DICTIONARY = 2**28


def check(_: Content) -> None:
    """
    Raises:
        UserError: the library is not installed.
    """
    need_parquet()


def write(folder: Path, content: Content, images: ImageReader) -> None:
    """Writes the files of all splits."""
    pyarrow, parquet = need_parquet()
    schema = _schema(pyarrow, content)
    make_folder(folder / "data")
    for split, name in content.folders().items():
        items, names = content.splits[split], Names()
        starts = range(0, len(items), IMAGES)
        for number, start in enumerate(starts):
            path = folder / f"data/{name}-{number:05d}-of-{len(starts):05d}.parquet"
            with (
                atomic_file(path) as file,
                parquet.ParquetWriter(
                    file,
                    schema,
                    compression={column: "NONE" if column == "image.bytes" else "SNAPPY" for column in _leaves(schema)},
                    use_dictionary=[
                        column for column in _leaves(schema) if content.questions or column != "image.bytes"
                    ],
                    dictionary_pagesize_limit=_LARGEST_DICTIONARY,
                    write_statistics=[column for column in _leaves(schema) if column != "image.bytes"],
                ) as writer,
            ):
                for rows in _groups(items[start : start + IMAGES], content, images, names):
                    writer.write_table(pyarrow.Table.from_pylist(_typed(rows, schema), schema=schema))


def _groups(items: list[ImageItem], content: Content, images: ImageReader, names: Names) -> Iterator[list[dict]]:
    """The rows of a row group at a time."""
    rows: list[dict] = []
    size = 0
    for item, stem, ending, data in images.read(items):
        path = names.unique(stem, ending)
        row: dict = {"image": {"bytes": data, "path": path}}
        if content.names_splits:
            row["split"] = item.split
        if content.questions:
            row["image_id"] = f"{item.split}/{path}"
            rows += [{**row, **question_fields(example)} for example in item.examples]
        else:
            rows.append({**row, "image_id": item.own_id, **content.caption_fields(item)})
        size += len(data)
        if (size >= _GROUP_BYTES and len(rows) >= _FEWEST_ROWS) or len(rows) >= _MOST_ROWS:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _typed(rows: list[dict], schema) -> list[dict]:
    """The rows with ids as texts where not all of them are numbers."""
    texts = [
        name for name in ("image_id", "question_id") if name in schema.names and is_text_type(schema.field(name).type)
    ]
    return [row | {name: value_text(row[name]) for name in texts if name in row} for row in rows]


def _schema(pyarrow, content: Content):
    """The columns: those in which there is anything, ids as numbers where all of them are."""
    items = [item for split in content.splits.values() for item in split]
    texts = pyarrow.list_(pyarrow.string())
    columns = {"image": pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])}
    if content.names_splits:
        columns["split"] = pyarrow.string()
    if content.questions:
        fields = [question_fields(example) for item in items for example in item.examples]
        columns["image_id"] = pyarrow.string()
        if ids := [row["question_id"] for row in fields if "question_id" in row]:
            columns["question_id"] = _id_type(pyarrow, ids)
        kinds = {"question": pyarrow.string(), "answers": texts, "choices": texts}
        kinds |= {"question_type": pyarrow.string(), "answer_type": pyarrow.string()}
        used = {name for row in fields for name in row}
        columns |= {name: kind for name, kind in kinds.items() if name in used}
    else:
        ids = [item.own_id for item in items if item.own_id is not None]
        if ids:
            columns["image_id"] = _id_type(pyarrow, ids)
        names = [f"caption_{number}" for number in range(content.caption_columns)]
        columns |= dict.fromkeys(names, pyarrow.string()) or {"captions": texts}
    return pyarrow.schema(list(columns.items()))


def _id_type(pyarrow, ids: list):
    is_int = all(isinstance(own, int) and abs(own) < 2**63 for own in ids)
    return pyarrow.int64() if is_int else pyarrow.string()


def _leaves(schema) -> list[str]:
    """The paths of columns, as parquet has them."""
    lists = ("captions", "answers", "choices")
    names = ["image.bytes", "image.path", *schema.names[1:]]
    return [f"{name}.list.element" if name in lists else name for name in names]
