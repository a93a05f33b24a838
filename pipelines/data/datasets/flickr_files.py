"""The files that Flickr8k and Flickr30k have in common: token files, tables and lists of splits."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.finder import existing_folders
from pipelines.data.datasets.text import read_lines, truncate
from pipelines.data.examples import Location

_TOKEN = re.compile(r"(?P<name>[^\t]+)#(?P<number>[0-9]{1,9})\s*\t(?P<caption>.*)")
# `2258277193_586949ec62.jpg.1` in Flickr8k.token.txt is what a downloader called a second copy of the file.
_COPY = re.compile(r"(?P<name>.+\.(?:jpe?g|png))\.\d+", re.IGNORECASE)


@dataclass(frozen=True)
class FlickrFiles:
    """Names of the annotation files of one of the two data sets.

    folders: where they may be. tokens: the file of captions as published. tables: other copies of it.
    lists: split -> names that its list may have. share: of the images for dev and for test where there is no list.
    """

    folders: tuple[str, ...]
    tokens: str
    tables: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]
    share: float

    def find(self, root: Path, *names: str) -> Path | None:
        """The first of `names` that is a file in one of the folders below `root`."""
        paths = (root / folder / name for folder in existing_folders(root, self.folders) for name in names)
        return next((path for path in paths if path.is_file()), None)

    def find_lists(self, root: Path) -> dict[str, Path]:
        """Split -> its list, for those that are there."""
        return {split: path for split, names in self.lists.items() if (path := self.find(root, *names))}

    def add_to(
        self,
        builder: DatasetBuilder,
        add_table: Callable[[DatasetBuilder, Path], None],
        name_of: Callable[[str], str] = lambda name: name,
        split_of: Callable[[str], str | None] = lambda name: None,
    ) -> None:
        """Adds the captions, from the token file or else with `add_table`, and splits them.

        Args:
            builder: of the data set.
            add_table: adds the captions of a table.
            name_of: see `use_lists`.
            split_of: the official split of an image by its name, for copies without lists.

        Raises:
            UserError: the captions cannot be read.
        """
        tokens = self.find(builder.root, self.tokens)
        if tokens:
            add_token_file(builder, tokens)
        else:
            add_table(builder, self.find(builder.root, *self.tables) or builder.root / self.tables[0])
        lists = self.find_lists(builder.root)
        if lists:
            builder.use_lists(lists, name_of)
        elif not builder.use_known(split_of, "No list of splits is there: images have their official split by name."):
            builder.use_hash(self.share)


def add_token_file(builder: DatasetBuilder, path: Path) -> None:
    """Adds the rows `image.jpg#0<tab>caption` of a token file."""
    reported = set()
    for line, text in read_lines(path):
        location, match = Location(path, line), _TOKEN.fullmatch(text)
        if match is None:
            builder.problem(location, f"expected image.jpg#0, a tab and a caption, got {truncate(text)}")
            continue
        name, copy = match["name"].strip(), _COPY.fullmatch(match["name"].strip())
        if copy and builder.find(name) is None and builder.find(copy["name"]) is not None:
            if name not in reported:
                builder.problem(location, f"{truncate(name)} was read as {truncate(copy['name'])}")
                reported.add(name)
            name = copy["name"]
        builder.add(name, match["caption"], location, number=int(match["number"]))
