"""Image files: reading them within limits, which are images, and which are other programs' litter."""

import dataclasses
import os
import stat
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from captioner.errors import UserError, address_hint
from captioner.images.formats import HEAD, format_of
from captioner.remote import RemoteFile, read_file


class ImageError(UserError):
    """An image that cannot be used; the message is its name and the reason.

    Attributes:
        reason: why, without the name, as in "truncated JPEG: the file ends before the picture does".
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class ImageLimits:
    """Limits beyond which an image is refused: a file of 40 kB can hold 10 GB of pixels."""

    max_bytes: int = 256 * 2**20
    max_pixels: int = 200_000_000  # the largest telephone cameras make 200 megapixels


DEFAULT_LIMITS = ImageLimits()


class ArchivedImage(os.PathLike[str]):
    """An image inside another file, such as a tar. It goes wherever the path of an image file goes.

    As a path it is `shards/0001.tar/k.jpg` or `train.parquet#17`: what messages and ids call it. There is no file of
    this name: `read_bytes` reads the image, and `holding_file` is the file to ask for a time of change.

    Attributes:
        archive: the file that holds it.
    """

    __slots__ = ()
    archive: Path

    @abstractmethod
    def __fspath__(self) -> str:
        """The name of the image, beginning with the path of its archive."""

    @abstractmethod
    def content(self, limits: ImageLimits) -> bytes:
        """The bytes of the image, as `read_bytes` gives them."""

    @property
    @abstractmethod
    def file_name(self) -> str:
        """The image's own path inside of its archive, with "/"; empty where it has none."""

    @property
    def stem(self) -> str:
        """As of a path: the last part of the name without its ending."""
        return Path(self.file_name).stem or os.path.basename(self)

    def __str__(self) -> str:
        return os.fspath(self)

    def __lt__(self, other: "ArchivedImage") -> bool:
        return str(self) < str(other)


ImagePath: TypeAlias = Path | ArchivedImage


def holding_file(image: str | os.PathLike) -> str | os.PathLike:
    """The file on disk that holds an image: its own, or its archive."""
    return image.archive if isinstance(image, ArchivedImage) else image


def read_bytes(path: str | os.PathLike, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """The content of an image file, of an image in an archive, or of an object in a store.

    Raises:
        ImageError: it is not there, not an ordinary file, not allowed, or larger than `limits.max_bytes`.
        UserError: the store does not answer.
    """
    name = os.fspath(path)
    if isinstance(path, ArchivedImage):
        return path.content(limits)
    try:
        if isinstance(path, RemoteFile):
            check_bytes(path.size, name, limits)
            return path.content()
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(name, "this is a folder, not an image")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe could wait for ever
            raise ImageError(name, "this is not an ordinary file")
        check_bytes(status.st_size, name, limits)
        return Path(path).read_bytes()
    except UserError:
        raise
    except FileNotFoundError:
        raise ImageError(name, f"there is no such file{address_hint(name)}") from None
    except PermissionError:
        raise ImageError(name, "this file may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = getattr(error, "strerror", None) or error
        raise ImageError(name, f"this file could not be read ({why})") from None


def check_bytes(size: int, name: str, limits: ImageLimits) -> None:
    """Refuses what is empty or larger than `limits.max_bytes`."""
    if not size:
        raise ImageError(name, "empty file")
    if size > limits.max_bytes:
        raise ImageError(name, f"too large: {size:,} bytes, the limit is {limits.max_bytes:,} bytes")


def sniff_image(path: str | os.PathLike) -> bool:
    """Whether a file begins as an image does, whatever its name is. False if it cannot be read."""
    try:
        if isinstance(path, RemoteFile):
            announced = format_of(read_file(path, HEAD)) if path.size else None
            return announced is not None and announced.by_content
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            announced = format_of(file.read(HEAD))
    except (OSError, ValueError):
        return False
    return announced is not None and announced.by_content


# Folders of file systems, desktops and disk stations: previews and copies of images, deleted ones, metadata.
_LITTER_FOLDERS = frozenset(
    {"__macosx", "@eadir", ".ipynb_checkpoints", ".appledouble", ".thumbnails", ".@__thumb", "#recycle", "@recycle"}
    | {"$recycle.bin", "system volume information", ".trash", ".trashes", ".spotlight-v100", ".fseventsd"}
    | {".dtrash", ".stversions", ".picasaoriginals"}
)


def litter_line(litter: Mapping[str, int], things: str = "images") -> str:
    """A sentence about the files and folders of other programs that were left out, or nothing.

    Args:
        litter: kind, as `litter_kind` has it -> how many.
        things: what they lie beside.

    >>> litter_line({"._*": 1200, "@eaDir/": 1})
    'Left out, as other programs keep it beside images: 1,200 x ._*, 1 x @eaDir/.'
    """
    kinds = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(litter.items()))
    return f"Left out, as other programs keep it beside {things}: {kinds}." if kinds else ""


def litter_kind(name: str) -> str:
    """What another program keeps beside images is left out by its name: which kind it is; empty: it is none.

    `._photo.jpg` is not a photograph but what macOS knows of one, on disks that cannot keep it elsewhere.

    Args:
        name: of a file or, with a "/" at its end, of a folder.

    >>> litter_kind("._photo.jpg"), litter_kind("@eaDir/"), litter_kind("@eaDir"), litter_kind(".hidden.png")
    ('._*', '@eaDir/', '', '')
    """
    if name.endswith("/"):
        folder = name.lower().rstrip("/")
        litter = folder in _LITTER_FOLDERS or folder.startswith(".trash-") or folder.endswith(".lrdata")
        return name if litter else ""
    return "._*" if name.startswith("._") else ""
