"""The files that Flickr8k and Flickr30k have in common: token files and folders."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.text import read_lines, shown

_TOKEN = re.compile(r"(?P<name>[^\t]+)#(?P<number>[0-9]{1,9})\s*\t(?P<caption>.*)")
# `2258277193_586949ec62.jpg.1` in Flickr8k.token.txt is what a downloader called a second copy of the file.
_COPY = re.compile(r"(?P<name>.+\.(?:jpe?g|png))\.\d+", re.IGNORECASE)


def first_file(root: Path, folders: Sequence[str], names: Sequence[str]) -> Path | None:
    """The first of `names` that is a file in one of `folders` below `root`."""
    for folder in folders:
        for name in names:
            path = root / folder / name
            if path.is_file():
                return path
    return None


def add_token_file(gathering: DatasetBuilder, path: Path):
    """Adds the rows `image.jpg#0<tab>caption` of a token file."""
    told = set()
    for line, text in read_lines(path):
        match = _TOKEN.fullmatch(text)
        if match is None:
            gathering.problem(path, line, f"expected image.jpg#0, a tab and a caption, got {shown(text)}")
            continue
        name, copy = match["name"].strip(), _COPY.fullmatch(match["name"].strip())
        if copy and gathering.find(name) is None and gathering.find(copy["name"]) is not None:
            if name not in told:
                gathering.problem(path, line, f"{shown(name)} was read as {shown(copy['name'])}")
                told.add(name)
            name = copy["name"]
        gathering.add(name, match["caption"], path, line, number=int(match["number"]))
