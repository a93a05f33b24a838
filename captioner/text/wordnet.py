"""WordNet, wherever it is installed: for scores that know which words mean much the same.

Two kinds of installation are understood: `nltk`'s own data, and a folder with WordNet's database files as Debian's
package `wordnet-base` and Princeton's archive bring it. The second lacks a small table that nltk wants (`lexnames`); it
is here, so that nothing has to be copied or added by hand. nltk is loaded when WordNet is opened, not before.
"""

import functools
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from captioner.errors import UserError

WORDNET_MISSING = (
    "WordNet is not installed. On Debian and Ubuntu: apt-get install wordnet-base; anywhere: python -m nltk.downloader "
    "wordnet. Files that lie elsewhere are found by the variable WNSEARCHDIR."
)

# Where WordNet's database files are if neither WNSEARCHDIR nor WNHOME says it.
FOLDERS = ("/usr/share/wordnet", "/usr/local/WordNet-3.0/dict", "/usr/local/share/wordnet")
_PARTS = ("noun", "verb", "adj", "adv")
_NEEDED = tuple(name for part in _PARTS for name in (f"index.{part}", f"data.{part}", f"{part}.exc"))

# The names of the lexicographers' files in the order of their numbers, and their parts of speech: lexnames(5WN).
_NOUNS = (
    "Tops act animal artifact attribute body cognition communication event feeling food group location motive object "
    "person phenomenon plant possession process quantity relation shape state substance time"
)
_VERBS = (
    "body change cognition communication competition consumption contact creation emotion motion perception possession "
    "social stative weather"
)
_LEXNAMES = [
    ("adj.all", 3),
    ("adj.pert", 3),
    ("adv.all", 4),
    *((f"noun.{name}", 1) for name in _NOUNS.split()),
    *((f"verb.{name}", 2) for name in _VERBS.split()),
    ("adj.ppl", 3),
]


class WordNetDamaged(UserError):
    """WordNet is installed, but cannot be read."""


@functools.cache
def open_wordnet():
    """nltk's reader of the WordNet that is installed, or None; then `WORDNET_MISSING` says how to get it.

    Looked for, in this order: the folder in the variable WNSEARCHDIR, `dict` below WNHOME, nltk's data, and the usual
    places. Opening takes two seconds or so, and is done once a process.

    Raises:
        WordNetDamaged: there is one, and none of those that are there is whole.

    Example:

        wordnet = open_wordnet()
        wordnet.synsets("dog")[0].wup_similarity(wordnet.synsets("cat")[0])     # 0.857...
    """
    damaged = []
    for place in (*_folders_of_environment(), None, *map(Path, FOLDERS)):
        try:
            wordnet = _open_nltk() if place is None else _open_folder(place)
            if wordnet is not None:
                _check_last_synsets(wordnet)
                return wordnet
        except Exception as error:  # half a file fails in any way
            name = place or _nltk_path()
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            damaged.append(
                f"WordNet in {name} is damaged, as after a download that was cut short ({reason.rstrip('.')}). Delete "
                "it and get it again."
            )
    if damaged:
        raise WordNetDamaged(damaged[0])
    return None


def _folders_of_environment() -> Iterator[Path]:
    if os.environ.get("WNSEARCHDIR"):
        yield Path(os.environ["WNSEARCHDIR"])
    if os.environ.get("WNHOME"):
        yield Path(os.environ["WNHOME"]) / "dict"


def _check_last_synsets(wordnet) -> None:
    """Reads the last entry of each file that the index knows, which a file that was cut short does not have.

    Raises:
        Exception: of any kind.
    """
    last: dict[str, int] = {}
    for positions in wordnet._lemma_pos_offset_map.values():
        for part, offsets in positions.items():
            last[part] = max([last.get(part, 0), *offsets])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not all(wordnet.synset_from_pos_and_offset(part, offset) for part, offset in last.items()):
            raise ValueError("the end is missing")


def _nltk_path() -> str:
    import nltk

    paths = (os.path.join(folder, "corpora", name) for folder in nltk.data.path for name in ("wordnet.zip", "wordnet"))
    return next(filter(os.path.exists, paths), "nltk's data")


def _open_nltk():
    from nltk.corpus import wordnet

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wordnet.ensure_loaded()
    except LookupError:
        return None
    return wordnet


def _open_folder(folder: Path):
    """nltk's reader over a folder; None where it holds nothing of WordNet.

    Raises:
        Exception: of any kind, where files are missing or damaged.
    """
    if not any((folder / name).is_file() for name in _NEEDED):
        return None
    for name in _NEEDED:
        content = (folder / name).read_bytes()
        if content and not content.endswith(b"\n"):
            raise ValueError(f"{name} ends in the middle of a line")
    from nltk.corpus.reader.wordnet import WordNetCorpusReader
    from nltk.data import PathPointer

    class FolderPointer(PathPointer):
        """Names the folder; nltk's own pointers go to its data folders only."""

        path = str(folder)

        def open(self, encoding=None):
            raise OSError(f"{folder} is a folder")

        def file_size(self):
            return 0

        def join(self, fileid):
            raise OSError(f"{folder / fileid} is read by its name")

    class FolderReader(WordNetCorpusReader):
        """nltk's reader over one folder."""

        def open(self, file):
            if file == "lexnames" and not (folder / file).is_file():
                return io.StringIO("".join(f"{n:02}\t{name}\t{pos}\n" for n, (name, pos) in enumerate(_LEXNAMES)))
            return open(folder / file, encoding="utf-8", newline="\n")

        def map_wn(self, version="wordnet"):
            """Numbers of another version of WordNet are not asked for."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no other languages
        return FolderReader(FolderPointer(), omw_reader=None)
