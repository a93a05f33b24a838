"""The reduced DAQUAR: questions whose answers are among 37 kinds of objects.

Its files are `qa.37.raw.train.txt` and `qa.37.raw.reduced.test.txt`, or triples, as in `daquar`.
"""

from pathlib import Path

from pipelines.data.examples import DataSet
from pipelines.data.question_datasets import daquar

LICENCE = daquar.LICENCE
EXPECTS = "qa.37.raw.train.txt and qa.37.raw.reduced.test.txt, without qa.894.*; images as for daquar"


def recognise(root: Path) -> bool:
    """Whether `root` holds the reduced set alone; beside the full one it is read by name."""
    return bool(daquar.find_files(root, "37")) and not daquar.recognise(root)


def read(root: Path) -> DataSet:
    """Reads the reduced DAQUAR from `root`."""
    return daquar.read_files(root, "37", "daquar-37")
