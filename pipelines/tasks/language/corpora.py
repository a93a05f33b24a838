"""Texts to learn from: any file or folder of text, the captions of a data set, and the texts that come with Python.

A corpus is made of documents. The state of a network begins anew with each, and where a document has an end, the end
is learned, too.
"""

import hashlib
import os
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from captioner.errors import UserError
from captioner.text.files import read_text
from pipelines.data.datasets.rows import is_table
from pipelines.data.examples import Problem
from pipelines.tasks.language.settings import LanguageDataSettings

# Parts of the standard library that people read and that every installation has.
LIBRARY_FOLDERS = (
    "", "asyncio", "collections", "concurrent/futures", "curses", "dbm", "email", "html", "http", "importlib", "json",
    "logging", "multiprocessing", "re", "sqlite3", "tomllib", "unittest", "urllib", "wsgiref", "xml/dom", "xml/etree",
    "xml/sax", "zoneinfo",
)  # fmt: skip
SHAPES = {"train": 4000, "dev": 500}  # scenes, as `captioner train shapes` has them


# Documents to learn from, documents for validation, and whether they end where their text does.
Split = tuple[tuple[str, ...], tuple[str, ...], bool]


@dataclass(frozen=True)
class Corpus:
    """Documents to learn from, and others for validation."""

    name: str  # for people
    train: tuple[str, ...]
    dev: tuple[str, ...]
    ends: bool  # whether documents end where their text does; the parts of a text that was cut in two have no end
    licence: str = "not known"
    problems: tuple[Problem | str, ...] = ()  # files that were left out, with the reason

    def identity(self) -> str:
        """A hash of all documents: a training goes on only with the text that it began with."""
        digest = hashlib.sha256()
        for split in (self.train, self.dev):
            for document in (*split, ""):
                digest.update(document.encode("utf-8", "surrogatepass") + b"\xff")
        return digest.hexdigest()


def open_corpus(settings: LanguageDataSettings, data: Path | None = None) -> Corpus:
    """The corpus that a recipe names, or the one in `data`.

    Raises:
        UserError: it does not exist, or holds no text to learn from.
    """
    directory = data or settings.directory
    path = Path(directory) if directory else None
    if settings.source == "captions" and (path is None or path.is_dir() or is_table(path)):
        return _caption_corpus(path)
    if path is None:
        name, texts = "the standard library", list(map(read_document, library_files()))
        return Corpus(name, *_split_files(texts, name, settings), "Python Software Foundation License")
    if not path.exists():
        raise UserError(f"{path} does not exist. Give a text file, or a folder of text files, with --data.")
    if path.is_dir():
        return _folder_corpus(path, settings)
    return Corpus(path.name, *_split_text(read_document(path), path.name, settings))


def read_document(path: Path) -> str:
    """The text of a file.

    Raises:
        UserError: it is empty, or see `captioner.text.files.read_text`.
    """
    text = read_text(path)
    if not text.strip():
        raise UserError(f"{path} is empty. There is nothing to learn from.")
    return text


def library_files() -> list[Path]:
    """Python files of the standard library in a mixed order that is the same everywhere."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = [path for folder in LIBRARY_FOLDERS for path in (root / folder).glob("*.py") if path.stat().st_size]
    if not files:
        raise UserError(f"This Python has no sources in {root}. Give a text file with --data.")
    return _mixed(files, key=lambda path: path.relative_to(root).as_posix())


def _mixed(values: Sequence, key: Callable) -> list:
    """In the order of a hash of their names: a prefix is a fair sample, and a new value moves no other."""
    return sorted(values, key=lambda value: hashlib.sha256(key(value).encode("utf-8", "surrogatepass")).digest())


def _folder_corpus(root: Path, settings: LanguageDataSettings) -> Corpus:
    texts, problems = [], []
    for path in _mixed(list(_files_below(root)), key=lambda path: path.relative_to(root).as_posix()):
        try:
            texts.append(read_document(path))
        except UserError as error:
            problems.append(str(error))
    if not texts:
        raise UserError(f"{root} holds no text file" + (f": {problems[0]}" if problems else "."))
    name = root.name or str(root)
    return Corpus(name, *_split_files(texts, name, settings), problems=tuple(problems))


def _files_below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(folder, name) for name in sorted(names) if not name.startswith("."))
        yield from filter(Path.is_file, paths)  # a pipe would be waited for


def _split_files(files: list[str], name: str, settings: LanguageDataSettings) -> Split:
    """Whole files for each split; a single file is cut in two."""
    texts, room = [], settings.max_characters or np.inf
    for text in files:
        if len(text) <= room:
            texts.append(text)
            room -= len(text)
    if len(texts) < 2:
        return _split_text((texts or files)[0], name, settings)
    total, dev = sum(map(len, texts)), []
    while len(texts) > 1 and sum(map(len, dev)) < settings.validation * total:
        dev.append(texts.pop())
    train, dev = (
        tuple(document for text in part for document in _documents(text, settings)) for part in (texts, reversed(dev))
    )
    return train, dev, True


def _split_text(text: str, name: str, settings: LanguageDataSettings) -> Split:
    """The first part of a text to learn from, the last one to validate with."""
    text, by_line = text[: settings.max_characters], settings.documents == "line"
    whole = _documents(text, settings) if by_line else text
    share = (1 - settings.validation) * len(whole)
    cut = round(share) if by_line else int(share + 1e-6)
    if not 0 < cut < len(whole):
        unit = "lines" if by_line else "characters"
        raise UserError(f"{name} has {len(whole):,} {unit}: too few to keep some of them for validation.")
    return (whole[:cut], whole[cut:], True) if by_line else ((text[:cut],), (text[cut:],), False)


def _documents(text: str, settings: LanguageDataSettings) -> tuple[str, ...]:
    if settings.documents == "file":
        return (text,)
    return tuple(line for line in text.split("\n") if line.strip())


def _caption_corpus(root: Path | None) -> Corpus:
    """Each caption is a document; the splits are those of the data set."""
    if root is None:
        from pipelines.data.datasets.drawn import LICENCE
        from pipelines.data.synthetic.captions import write_captions
        from pipelines.data.synthetic.scenes import sample_scenes

        name, licence, problems, captions = "the shapes captions", LICENCE, (), {"train": [], "dev": []}
        for split, number, scene in sample_scenes(0, SHAPES):
            captions[split] += write_captions(Random(f"captions/0/{split}/{number}"), scene)
    else:
        from pipelines.data.datasets import read_dataset

        dataset = read_dataset(root)
        name, licence, problems = f"the captions of {dataset.name}", dataset.licence, dataset.problems
        captions = {
            split: [caption for example in dataset.split(split) for caption in example.captions]
            for split in {"train", "dev"} & set(dataset.splits())
        }
    for split, adjective in (("train", "training"), ("dev", "development")):
        if not captions.get(split):
            raise UserError(f"{name} have no {adjective} split, which a language model needs.")
    return Corpus(name, tuple(captions["train"]), tuple(captions["dev"]), True, licence, tuple(problems))
