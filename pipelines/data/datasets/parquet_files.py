"""Parquet files with images inside: their annotations, read without the images, and single images, read when needed.

    a row ──row group, by number──▶ a block of some rows, at most some megabytes ──▶ the image
                                    kept while it is among those used last

A parquet file has no index of its rows: the least that can be read is a row group, from its beginning. So images are
read in blocks, and a few of them are kept. A row group that is larger than a block is read as a stream, which goes on
where it was as long as rows are asked for in their order.
"""

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.files import open_regular
from captioner.images.files import ArchivedImage, ImageError, ImageLimits, check_bytes
from pipelines.data.datasets.archives import check_stamp, file_stamp, unreadable
from pipelines.data.datasets.rows import lowered
from pipelines.utils.tables import need_parquet

IMAGE_COLUMNS = ("image", "img", "jpg", "png")  # the first that is there
KEPT_BYTES = 64 * 2**20  # of the blocks of a data set
_BLOCK_BYTES = 8 * 2**20
_ROWS = 1024  # of annotations at once
_BUFFER = 2**20  # of a column that is read as a stream


class BlockCache:
    """The blocks that were used last, up to a number of bytes; for several threads."""

    def __init__(self, most: int = KEPT_BYTES):
        self._most, self._bytes = most, 0
        self._blocks: OrderedDict[tuple, object] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple):
        """A block, or None."""
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
            return self._blocks.get(key)

    def put(self, key: tuple, block) -> None:
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = block
                self._bytes += block.nbytes
            while self._bytes > self._most and len(self._blocks) > 1:
                self._bytes -= self._blocks.popitem(last=False)[1].nbytes


class ParquetFile:
    """A parquet file, of which single values of one column are read, by several threads.

    Args:
        path: the file.
        cache: of the data set.

    Attributes:
        columns: name in lower case -> its name; the first where several are the same.
        schema: of Arrow.
        rows: how many.

    Raises:
        UserError: it is no parquet file, it ends early, or the library is not installed.
    """

    def __init__(self, path: Path, cache: BlockCache):
        _, parquet = need_parquet()
        self.path, self._cache = path, cache
        try:
            open_regular(path).close()  # no pipe, which would be waited for
            self.stamp = file_stamp(path)
            with parquet.ParquetFile(path) as file:
                self._metadata, self.schema = file.metadata, file.schema_arrow
        except UserError:
            raise
        except OSError as error:
            raise unreadable(path, error) from None
        except Exception as error:  # a footer of arbitrary bytes breaks in many ways
            reason = " ".join(str(error).split()).rstrip(".")
            raise UserError(f"{path} ends early, or is no parquet file ({reason}).") from None
        self.rows = self._metadata.num_rows
        counts = [self._metadata.row_group(group).num_rows for group in range(self._metadata.num_row_groups)]
        self._starts = [sum(counts[:group]) for group in range(len(counts))]
        self._counts = counts
        self.columns: dict[str, str] = {}
        for lower, name in zip(lowered(self.schema.names), self.schema.names, strict=True):
            self.columns.setdefault(lower, name)
        self._lock = threading.Lock()
        self._stream: _Stream | None = None

    def type_of(self, column: str):
        """The Arrow type of a column that is named in lower case."""
        return self.schema.field(self.schema.names.index(self.columns[column])).type

    def annotations(self, leaves: Sequence[str]) -> Iterator[tuple[int, dict]]:
        """`(number of the row, values)` of all rows.

        Args:
            leaves: columns, named as in the file, and parts of structures, such as `image.path`.

        Raises:
            UserError: the file is damaged; all rows before were given.
        """
        _, parquet = need_parquet()
        number = 0
        try:
            with parquet.ParquetFile(self.path, metadata=self._metadata, pre_buffer=False, buffer_size=_BUFFER) as file:
                for batch in file.iter_batches(_ROWS, columns=list(leaves), use_threads=False):
                    for row in batch.to_pylist():
                        yield number, row
                        number += 1
        except Exception as error:  # pages and their compression each break in their own way
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise UserError(f"{self.path} is damaged behind row {number:,} ({reason}).") from None

    def value(self, column: str, row: int):
        """The value of a column, such as `image.bytes`, in a row.

        Raises:
            Exception: of Arrow, where the file is damaged.
        """
        group = bisect.bisect_right(self._starts, row) - 1
        while not self._counts[group]:
            group -= 1
        rows = self._rows_a_block(group, column)
        number, place = divmod(row - self._starts[group], rows)
        key = (self.path, group, column, number)
        block = self._cache.get(key)
        if block is None:
            with self._lock:
                block = self._cache.get(key) or self._read(column, group, rows, number)
        return block[place].as_py()

    def largest_group(self, column: str) -> int:
        """The bytes of a column in the largest row group."""
        return max((self._bytes(group, column) for group in range(len(self._counts))), default=0)

    def _bytes(self, group: int, column: str) -> int:
        chunks = self._metadata.row_group(group)
        chosen = (chunks.column(index) for index in range(chunks.num_columns))
        return sum(chunk.total_uncompressed_size for chunk in chosen if chunk.path_in_schema == column)

    def _rows_a_block(self, group: int, column: str) -> int:
        rows = self._counts[group]
        return max(1, min(rows, rows * _BLOCK_BYTES // max(1, self._bytes(group, column))))

    def _read(self, column: str, group: int, rows: int, number: int):
        """Reads a block, and those before it in its row group that the stream has not passed yet."""
        stream = self._stream
        if stream is None or stream.key != (group, column) or stream.next > number:
            if stream is not None:
                stream.close()
            stream = self._stream = _Stream(self.path, self._metadata, group, column, rows)
        try:
            while True:
                at, block = stream.read()
                self._cache.put((self.path, group, column, at), block)
                if at == number:
                    break
            if at == -(-self._counts[group] // rows) - 1:  # the last one
                stream.close()
                self._stream = None
            return block
        except BaseException:
            stream.close()
            self._stream = None
            raise


class _Stream:
    """The blocks of a row group, in their order."""

    def __init__(self, path: Path, metadata, group: int, column: str, rows: int):
        self._pyarrow, parquet = need_parquet()
        self.key, self.next, self._rows = (group, column), 0, rows
        # Without `pre_buffer` a column is read as a stream: with it all of the row group is in memory.
        self._file = parquet.ParquetFile(path, metadata=metadata, pre_buffer=False, buffer_size=_BUFFER)
        self._batches = self._file.iter_batches(rows, row_groups=[group], columns=[column], use_threads=False)

    def read(self):
        """The number of the next block, and the block."""
        parts, count = [], 0
        while count < self._rows and (batch := next(self._batches, None)) is not None:
            values = batch.column(0)
            if self._pyarrow.types.is_struct(values.type):  # the only part that was asked for
                values = values.flatten()[0]
            parts.append(values)
            count += len(values)
        if not count:
            raise ValueError("a row group has fewer rows than its head says")
        number, self.next = self.next, self.next + 1
        return number, parts[0] if len(parts) == 1 else self._pyarrow.chunked_array(parts)

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True, eq=False)
class ParquetImage(ArchivedImage):
    """An image in a row of a parquet file.

    file: it. column: of the bytes, such as `image.bytes`. row: its number. own_name: the path that the file has for it.
    """

    file: ParquetFile
    column: str
    row: int
    own_name: str = ""

    @property
    def archive(self) -> Path:
        return self.file.path

    @property
    def file_name(self) -> str:
        return self.own_name

    def __fspath__(self) -> str:
        return f"{self.file.path}#{self.row}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParquetImage) and (str(self), self.own_name) == (str(other), other.own_name)

    def __hash__(self) -> int:
        return hash((self.file.path, self.row))

    def content(self, limits: ImageLimits) -> bytes:
        check_stamp(self, self.file.stamp)
        try:
            data = self.file.value(self.column, self.row)
        except Exception as error:  # pages and their compression each break in their own way
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise ImageError(str(self), f"{self.archive.name} is damaged here ({reason})") from None
        if data is None:
            only = f", only the path {self.own_name!r}" if self.own_name else ""
            raise ImageError(str(self), f"there is no image in this row{only}; write the file with the images' bytes")
        check_bytes(len(data), str(self), limits)
        return data


def image_column(file: ParquetFile) -> tuple[str, str]:
    """The column of the bytes of images in a file, and that of their paths; empty where there is none.

    Raises:
        UserError: it is missing, or holds something else.
    """
    pyarrow, _ = need_parquet()
    column = next((name for name in IMAGE_COLUMNS if name in file.columns), None)
    if column is None:
        listed = ", ".join(f"`{name}`" for name in list(file.columns)[:10]) or "none"
        raise UserError(f"{file.path} has no column `image`; it has: {listed}.")
    name, kind = file.columns[column], file.type_of(column)
    if _is_bytes(pyarrow, kind):
        return name, ""
    if pyarrow.types.is_struct(kind):
        fields = {kind.field(index).name: kind.field(index).type for index in range(kind.num_fields)}
        if _is_bytes(pyarrow, fields.get("bytes")):
            return f"{name}.bytes", f"{name}.path" if is_text_type(fields.get("path")) else ""
    raise UserError(
        f"{file.path} has {kind} in its column `{name}`; images as bytes, or {{bytes, path}}, were expected."
    )


def _is_bytes(pyarrow, kind) -> bool:
    return kind is not None and (pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def is_text_type(kind) -> bool:
    """Whether an Arrow type, or None, is that of texts."""
    pyarrow, _ = need_parquet()
    if kind is not None and pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return kind is not None and (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))
