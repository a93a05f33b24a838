"""METEOR's tables at the size of a test, in the files that `pycocoevalcap` has."""

import gzip
import zipfile
from pathlib import Path

from captioner.metrics.meteor.resources import MeteorResources, load_resources

TABLES = {
    "function/english.words": "the\na\n.\non\nis\n",
    "nonbreaking/english.prefixes": "# comment\n\nMr\nno #NUMERIC_ONLY#\n",
    "synonym/english.synsets": "dog\n11 12\nhound\n11\nchild\n31\nkid\n31 32\nbox\n41\ncarton\n41\nman\n51\nfoot\n61\n",
    "synonym/english.exceptions": "child\nchildren\nfoot\nfeet\n",
}
PARAPHRASES = [("is running", "runs"), ("next to", "beside"), ("runs", "jogs"), ("runs", "is running")]


def write_meteor(folder: Path, tables=TABLES, paraphrases=PARAPHRASES) -> tuple[Path, Path]:
    """`(archive, paraphrases)`."""
    archive, table = folder / "meteor-1.5.jar", folder / "paraphrase-en.gz"
    with zipfile.ZipFile(archive, "w") as file:
        for name, text in tables.items():
            file.writestr(name, text)
    table.write_bytes(gzip.compress("".join(f"0.5\n{one}\n{other}\n" for one, other in paraphrases).encode()))
    return archive, table


def small_meteor(folder: Path) -> MeteorResources:
    load_resources.cache_clear()
    return load_resources(*write_meteor(folder))
