"""The tables of METEOR 1.5 as the package `pycocoevalcap` installs them: a Java archive, which is a zip, and a gzip.

Nothing is run from the archive; four text files are read:

    function/english.words              one function word a line
    nonbreaking/english.prefixes        words after which a full stop ends no sentence, some before numbers only
    synonym/english.{synsets,exceptions}    of WordNet: a word, and below it its numbers or its irregular forms

and beside it `data/paraphrase-en.gz`: a probability, a phrase, a paraphrase, on a line each, 5.27 million times.
"""

import functools
import gzip
import importlib.util
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

METEOR_MISSING = "It reads the tables of METEOR 1.5 (Java is not needed): pip install 'captioner[coco]'."

# WordNet's rules of detachment as METEOR applies them, in this order: nouns, verbs, adjectives (morph(7WN)).
_ENDINGS = (
    ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y"),
    ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
    ("er", ""), ("est", ""), ("er", "e"), ("est", "e"),
)  # fmt: skip


class ResourcesDamaged(ValueError):
    """The tables are there, but cannot be read."""


@dataclass(frozen=True)
class MeteorResources:
    """The tables of one language.

    Attributes:
        function_words: words that carry little meaning, such as "the".
        prefixes: word -> whether a full stop after it is part of it before numbers only.
        synsets: word -> the numbers of the sets of synonyms that it belongs to.
        base_forms: irregular form -> its base forms.
        paraphrases: the gzip of paraphrases.
    """

    function_words: frozenset[str]
    prefixes: dict[str, bool]
    synsets: dict[str, frozenset[int]]
    base_forms: dict[str, list[str]]
    paraphrases: Path

    def synsets_of(self, word: str) -> frozenset[int]:
        """The sets of synonyms of a word and of its base forms."""
        own = self.synsets.get(word, frozenset())
        bases = self.base_forms.get(word) or [self._base_form(word)]
        return own.union(*(self.synsets.get(base, ()) for base in bases))

    def _base_form(self, word: str) -> str:
        """The first base form that WordNet knows, by its rules of detachment; empty if there is none."""
        if word.endswith("ss") or len(word) <= 2:
            return word
        for ending, replacement in _ENDINGS:
            if word.endswith(ending) and (base := word[: -len(ending)] + replacement) in self.synsets:
                return base
        return ""

    def paraphrases_of(self, phrases: Collection[str]) -> dict[str, dict[str, list[int]]]:
        """phrase -> paraphrase -> the numbers of its entries, of those pairs whose both sides are among `phrases`.

        The numbers say in which order the table has them. Reading the whole table takes some seconds.

        Raises:
            ResourcesDamaged: the table ends early or is no gzip.
        """
        wanted = {phrase.encode() + b"\n" for phrase in phrases}
        found: dict[str, dict[str, list[int]]] = {}
        try:
            with io.BufferedReader(gzip.open(self.paraphrases), 1 << 20) as lines:
                for number, (_, phrase, paraphrase) in enumerate(zip(lines, lines, lines, strict=False)):
                    if phrase in wanted and paraphrase in wanted:
                        entries = found.setdefault(phrase[:-1].decode(), {})
                        entries.setdefault(paraphrase[:-1].decode(), []).append(number)
        except (OSError, EOFError, zlib.error) as error:
            raise ResourcesDamaged(f"{self.paraphrases} cannot be read ({error}).") from error
        return found


def find_resources() -> tuple[Path, Path] | None:
    """`(archive, paraphrases)` of an installed `pycocoevalcap`; None where it is not installed."""
    found = importlib.util.find_spec("pycocoevalcap")
    for folder in found.submodule_search_locations or () if found else ():
        archive, paraphrases = Path(folder, "meteor/meteor-1.5.jar"), Path(folder, "meteor/data/paraphrase-en.gz")
        if archive.is_file() and paraphrases.is_file():
            return archive, paraphrases
    return None


@functools.lru_cache(maxsize=1)
def load_resources(archive: Path, paraphrases: Path) -> MeteorResources:
    """Reads the tables, once a process.

    Raises:
        ResourcesDamaged: the archive cannot be read, or lacks a table.
    """
    try:
        with zipfile.ZipFile(archive) as tables:

            def lines(name: str) -> list[str]:
                return tables.read(name).decode("utf-8").splitlines()

            entries = [line.split() for line in lines("nonbreaking/english.prefixes")]
            base_forms: dict[str, list[str]] = {}
            for base, forms in _pairs(lines("synonym/english.exceptions")):
                for form in forms.split():
                    base_forms.setdefault(form, []).append(base)
            return MeteorResources(
                function_words=frozenset(lines("function/english.words")),
                prefixes={
                    entry[0]: entry[1:2] == ["#NUMERIC_ONLY#"]
                    for entry in entries
                    if entry and not entry[0].startswith("#")
                },
                synsets={
                    word: frozenset(map(int, numbers.split()))
                    for word, numbers in _pairs(lines("synonym/english.synsets"))
                },
                base_forms=base_forms,
                paraphrases=paraphrases,
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ResourcesDamaged(f"{archive} cannot be read ({error}).") from error


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Lines two by two."""
    return zip(lines[::2], lines[1::2], strict=True)
