"""The examples and the data set: plain, frozen, and as a table."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from pipelines.data.examples import CaptionExample, DataSet, Problem, QuestionExample, canonical_split

ROOT = Path("data")
EXAMPLES = (
    CaptionExample("b.jpg", ROOT / "b.jpg", ("A cat", "A grey cat"), "novel", "7"),
    CaptionExample("a.jpg", ROOT / "a.jpg", ("A dog",), "train"),
)


def test_splits_come_in_the_usual_order():
    """If this fails, reports list splits in another order for each data set."""
    assert list(DataSet("table", ROOT, EXAMPLES).splits().items()) == [("train", 1), ("novel", 1)]


def test_the_table_has_one_row_a_caption():
    """If this fails, references of an image are lost in result tables."""
    table = DataSet("table", ROOT, EXAMPLES).table()
    assert list(table.columns) == ["id", "image", "caption", "split", "source_id"]
    assert list(table["caption"]) == ["A cat", "A grey cat", "A dog"]
    assert list(DataSet("table", ROOT, ()).table().columns) == list(table.columns)
    question = QuestionExample("1", ROOT / "a.jpg", "What?", ("a dog", "dog"), "train")
    assert list(DataSet("vqa", ROOT, (question,)).table()["answer"]) == ["a dog", "dog"]


def test_examples_cannot_be_changed():
    """If this fails, one user of a data set may change it under another."""
    with pytest.raises(FrozenInstanceError):
        EXAMPLES[0].split = "train"


@pytest.mark.parametrize(
    ("name", "split"), [("VAL", "dev"), (" train ", "train"), ("Novel", "Novel"), ("Validation", "dev")]
)
def test_splits_have_one_name(name, split):
    """If this fails, "val" and "dev" are two splits, and one of them is empty."""
    assert canonical_split(name) == split


def test_a_problem_reads_as_editors_expect():
    """If this fails, `file:line: text` cannot be clicked."""
    assert str(Problem(ROOT / "x.csv", 3, "is empty")) == f"{ROOT / 'x.csv'}:3: is empty"
    assert str(Problem(ROOT / "x.jpg", None, "is empty")) == f"{ROOT / 'x.jpg'}: is empty"
