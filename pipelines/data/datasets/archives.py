"""Archives that hold images: which files of a folder they are, and the images in them."""

import os
import re
from collections import Counter
from pathlib import Path

from captioner.errors import UserError
from captioner.images.files import ArchivedImage, ImageError, holding_file, litter_kind
from pipelines.data.datasets.boundary import REMEDY, link_out
from pipelines.data.datasets.finder import absent_image
from pipelines.data.datasets.splits import split_of_folder
from pipelines.data.datasets.text import truncate
from pipelines.data.examples import Location, ProblemList

ENDINGS = (".tar", ".parquet")
_DEPTH = 3  # folders below the root: `plain_text/train/0000.parquet`


def is_archive(path: Path) -> bool:
    """Whether a path is a file that is called as archives are."""
    return path.name.lower().endswith(ENDINGS) and path.is_file()


class Shards:
    """The files of a data set that have one of `endings`: in its folder or at most three folders below, sorted.

    A link that leads out of the folder is not followed, see `pipelines.data.datasets.boundary`.

    Args:
        root: the folder, or one such file.
        endings: in lower case, such as ".tar".

    Attributes:
        root: the folder in which names begin.
        paths: the files.
        litter: kind -> how many files of other programs were left out.
    """

    def __init__(self, root: Path, endings: tuple[str, ...]):
        self.litter: Counter[str] = Counter()
        self._links: list[Path] = []
        if root.is_file():
            self.root, self.paths = root.parent, [root] if root.name.lower().endswith(endings) else []
        else:
            self.root = root
            self.paths = sorted(self._find(endings))

    def _find(self, endings: tuple[str, ...]):
        for folder, folders, names in os.walk(self.root):
            deep = len(Path(folder).relative_to(self.root).parts) >= _DEPTH
            folders[:] = [] if deep else [name for name in folders if name[0] != "." and not litter_kind(f"{name}/")]
            for name in names:
                path = Path(folder, name)
                if not name.lower().endswith(endings) or (name.startswith(".") and not litter_kind(name)):
                    continue
                if kind := litter_kind(name):
                    self.litter[kind] += 1
                elif os.path.islink(path) and link_out(path, self.root):
                    self._links.append(path)
                elif path.is_file():
                    yield path

    def report(self, problems: ProblemList) -> None:
        """Reports the links that were not followed."""
        for path in sorted(self._links):
            target = truncate(os.path.realpath(path))
            text = f"is a link that leads out of the data's folder, to {target}, and was not read: {REMEDY}"
            problems.problem(Location(path), text)

    def split_of(self, path: Path) -> str | None:
        """The split that the name of a shard, or else that of a folder that it is in, stands for.

        >>> shards = Shards(Path("data"), (".tar",))
        >>> names = ("train-00000-of-00002.tar", "VAL/0.tar", "cc3m-validation-0.tar", "0.tar", "train_test.tar")
        >>> [shards.split_of(Path("data") / name) for name in names]
        ['train', 'dev', 'dev', None, None]
        """
        name, *folders = reversed(path.relative_to(self.root).parts)
        for part in (name.split(".")[0], *folders):
            words = re.split(r"[^A-Za-z]+", part)
            splits = {split for word in words if (split := split_of_folder(word))}
            if splits:
                return splits.pop() if len(splits) == 1 else None
        return None


class ArchivedImages:
    """The images of a data set that are in archives, by the names that annotations have for them.

    Args:
        root: the data set's folder.
        archives: what they are in, for messages: "tar files".
    """

    def __init__(self, root: Path, archives: str):
        self.root, self._archives = root, archives
        self._images: dict[str, ArchivedImage] = {}
        self._ids: dict[str, str] = {}

    def add(self, image: ArchivedImage, name: str = "") -> str | None:
        """Adds an image.

        Args:
            image: it.
            name: what annotations call it; by default its id.

        Returns:
            the name; None where there is an image of this name or id already.
        """
        image_id = os.path.relpath(image, self.root).replace(os.sep, "/")
        name = _clean(name or image_id)
        if name in self._ids or image_id in self._images:
            return None
        self._ids[name] = image_id
        self._images[image_id] = image
        return name

    def find(self, name: str) -> str | None:
        """The id of an image: the path of its archive below the root, and its name in there."""
        return self._ids.get(_clean(name))

    def image(self, image_id: str) -> ArchivedImage:
        return self._images[image_id]

    def absence(self, name: str) -> str:
        """Why `find` found nothing."""
        return absent_image(name)

    def linked(self) -> dict[str, str]:
        """Folders that belong to the data by links: none."""
        return {}

    def searched(self) -> str:
        """Where it was looked, for messages."""
        return self._archives


def _clean(name: str) -> str:
    """A name as `DatasetBuilder` compares it."""
    return name.strip().replace("\\", "/")


def file_stamp(path: Path) -> tuple[int, int]:
    """Size and time of change of a file: what is known of an archive's content holds as long as they do."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def check_stamp(image: ArchivedImage, stamp: tuple[int, int]) -> None:
    """
    Raises:
        ImageError: the archive of an image is gone, or is not what it was when it was looked through.
    """
    try:
        same = file_stamp(holding_file(image)) == stamp
    except OSError as error:
        reason = error.strerror or error
        raise ImageError(str(image), f"{image.archive.name} cannot be read any more ({reason})") from None
    if not same:
        raise ImageError(str(image), f"{image.archive.name} was changed since it was looked through; begin again")


def unreadable(path: Path, error: Exception) -> UserError:
    """The error that an archive cannot be read at all."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return UserError(f"{path} cannot be read: {reason}.")
