"""Tar files: where their members lie, found in one pass from head to head. Nothing is extracted, no link is followed.

A tar may come from anywhere: names lead nowhere, since no file is made; the sizes of texts are bounded, those of images
when they are read; and what `tarfile` makes of damage, which for the most part is silence, is found out.
"""

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from captioner.errors import UserError
from captioner.files import open_regular
from captioner.images.files import ArchivedImage, ImageError, ImageLimits, check_bytes
from pipelines.data.datasets.archives import check_stamp, file_stamp, unreadable

TEXT_BYTES = 2**24  # of a member that is read at once: captions, and the headers of long names
_BLOCK = tarfile.BLOCKSIZE
_PADDING = 20 * _BLOCK  # most programs fill a tar up to a multiple of this
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar.

    name: as the tar has it. offset, size: of its content, bytes. kind: empty for a plain file, else what it is.
    content: of a text that was asked for; None of all else.
    """

    name: str
    offset: int
    size: int
    kind: str = ""
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class TarImage(ArchivedImage):
    """An image in a tar file.

    archive: the tar. member: its name in there. offset, size: of its bytes. stamp: of the tar when it was looked
    through. own_name: the path that the image had before it was put there, if that is not `member`.
    """

    archive: Path
    member: str
    offset: int
    size: int
    stamp: tuple[int, int] = field(compare=False)
    own_name: str = ""

    def __fspath__(self) -> str:
        return f"{self.archive}/{self.member}"

    @property
    def file_name(self) -> str:
        return self.own_name or self.member

    def content(self, limits: ImageLimits) -> bytes:
        check_bytes(self.size, str(self), limits)
        check_stamp(self, self.stamp)
        try:
            with open_regular(self.archive) as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except (OSError, UserError) as error:
            raise ImageError(str(self), f"{self.archive.name} could not be read ({error})") from None
        if len(data) < self.size:
            raise ImageError(str(self), f"{self.archive.name} ends before the image does")
        return data


def tar_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[TarMember]:
    """The members of a tar in their order, but for folders.

    Args:
        path: the file.
        wanted: whether the content of a member of that name is to be read, too; of at most `TEXT_BYTES`.

    Raises:
        UserError: it is no tar, it is compressed, or it is damaged or ends early; then all members that are whole were
            given before.
    """
    try:
        file = open_regular(path).detach()  # heads are small, and far from each other: a buffer would be read in vain
    except OSError as error:
        raise unreadable(path, error) from None
    with file:
        head = file.read(8) or b""
        for mark, program in _COMPRESSED.items():
            if head.startswith(mark):
                raise UserError(
                    f"{path} is compressed, and single images cannot be read from it. Unpack it: {program} {path.name}"
                )
        yield from _members(path, file, wanted)


def _members(path: Path, file: io.RawIOBase, wanted: Callable[[str], bool]) -> Iterator[TarMember]:
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    heads = _BoundedReader(file)
    offset, name = 0, ""  # where the next member begins, and what the last one is called
    tar = None
    while True:
        try:
            if tar is None:
                tar = tarfile.TarFile(fileobj=heads, mode="r", encoding="utf-8", errors="surrogateescape")
            info = tar.next()
            tar.members.clear()  # it keeps all of them
        except OSError as error:
            raise unreadable(path, error) from None
        except Exception as error:  # heads of arbitrary bytes break in many ways, deep recursion among them
            raise _damaged(path, name, error) from None
        if info is None:
            return _check_end(path, heads, offset, length, name)
        # Versions of `tarfile` with CVE-2025-8194 go back where a size is negative, and round for ever.
        if info.size < 0 or not offset <= info.offset < info.offset_data <= tar.offset:
            raise _damaged(path, name, "a size below zero")
        plain = info.isreg() and not info.issparse()
        offset = tar.offset
        if plain and info.offset_data + info.size > length:
            raise UserError(
                f"{path} ends early, within {info.name!r}: {info.size:,} bytes of it were expected, "
                f"{max(0, length - info.offset_data):,} are there. What comes before it is used."
            )
        name = info.name
        if info.isdir():
            continue
        content = None
        if plain and info.size <= TEXT_BYTES and wanted(name):
            heads.seek(info.offset_data)
            content = heads.read(info.size)
        yield TarMember(name, info.offset_data, info.size, "" if plain else _kind(info), content)


def _kind(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return f"a link to {info.linkname!r}"
    return "a sparse file" if info.issparse() else "no ordinary file"


def _check_end(path: Path, heads: "_BoundedReader", offset: int, length: int, name: str) -> None:
    """Finds out why `tarfile` went no further: it says nothing of most damage.

    Raises:
        UserError: it was not the mark of the end, or more comes behind that.
    """
    heads.seek(offset)
    mark = heads.read(_BLOCK)
    if len(mark) < _BLOCK:
        behind = f"behind {name!r}" if name else "at its beginning"
        raise UserError(f"{path} ends early, {behind}: the mark of a tar's end is missing. What is there is used.")
    if any(mark):
        raise _damaged(path, name, "no head of a member")
    position = offset + _BLOCK
    while position < length:
        block = heads.read(_PADDING)
        if any(block):
            raise UserError(
                f"{path} goes on behind the end of the tar, as where several were joined; only the first is used. "
                "Unpack them, and pack them as one."
            )
        position += len(block) or length


def _damaged(path: Path, name: str, error: Exception | str) -> UserError:
    after = f"behind {name!r}" if name else "at its beginning"
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    used = " What comes before is used." if name else ""
    return UserError(f"{path} is damaged {after}, or no tar ({reason}).{used}")


class _BoundedReader:
    """A file for `tarfile`, which reads headers as long as they claim to be."""

    def __init__(self, file: io.RawIOBase):
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= TEXT_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


def stamp_of(path: Path) -> tuple[int, int]:
    """The stamp of a tar, to be taken before it is looked through.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return file_stamp(path)
    except OSError as error:
        raise unreadable(path, error) from None
