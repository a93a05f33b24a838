"""What a model was trained on is told from other data of the same layout, and of the same size."""

import dataclasses
import json
from pathlib import Path

import pytest

from captioner.presets.installed import MODELS
from pipelines.data.examples import CaptionExample, DataSet, QuestionExample
from pipelines.data.provenance import data_facts, is_trained_on

SIZES = {"train": 3, "dev": 2, "test": 1}


def dataset(word="dog", name="table", root="here", sizes=SIZES, folder=""):
    examples = [
        CaptionExample(f"{folder}{split}{n}.jpg", Path(root, f"{split}{n}.jpg"), (f"{word} {split} {n}",), split)
        for split, count in sizes.items()
        for n in range(count)
    ]
    return DataSet(name, Path(root), tuple(examples))


def without_digest(facts):
    return {name: value for name, value in facts.items() if name != "train_digest"}


def test_data_of_the_same_layout_and_size_is_told_apart():
    """Wrong if captions count as new, or as old, beside captions that the model never saw."""
    metadata = {"data_set": json.loads(json.dumps(data_facts(dataset())))}
    assert is_trained_on(metadata, dataset())
    assert not is_trained_on(metadata, dataset("cat"))


def test_where_images_lie_and_what_other_splits_hold_does_not_matter():
    """Wrong if nothing is told of a model because the test split, which it never saw, was not there yet."""
    metadata = {"data_set": data_facts(dataset())}
    assert is_trained_on(metadata, dataset(root="there", folder="images/"))
    assert is_trained_on(metadata, dataset(sizes={"train": 3, "test": 9}))
    assert not is_trained_on(metadata, dataset(sizes={"test": 9}))


def test_questions_and_their_answers_are_told_apart():
    asked = tuple(QuestionExample(f"{n}#0", Path("a.jpg"), f"is it {n}?", ("yes",), "train") for n in range(2))
    other = (asked[0], dataclasses.replace(asked[1], answers=("no",)))
    metadata = {"data_set": data_facts(DataSet("vqa", Path("."), asked))}
    assert is_trained_on(metadata, DataSet("vqa", Path("."), asked))
    assert not is_trained_on(metadata, DataSet("vqa", Path("."), other))


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (dataset(), True),
        (dataset(sizes={**SIZES, "novel": 4}), True),
        (dataset(name="coco"), False),
        (dataset(sizes={**SIZES, "train": 4}), False),
        (dataset(sizes={**SIZES, "dev": 1}), False),
        (dataset(sizes={"train": 3}), False),
    ],
)
def test_without_a_digest_layout_and_sizes_decide(now, same):
    """Models of before digests were kept. Wrong if the layout alone decides, as "table" is that of any table."""
    assert is_trained_on({"data_set": without_digest(data_facts(dataset()))}, now) == same


@pytest.mark.parametrize("known", [None, "table", {}, {"name": "table"}, {"name": "table", "splits": {"dev": 2}}])
def test_metadata_that_say_nothing_of_training_images_claim_nothing(known):
    assert not is_trained_on({"data_set": known} if known is not None else {}, dataset())


def test_the_installed_captioner_knows_its_own_data_with_and_without_the_test_split():
    """Its evaluation tells how many captions are new; it learned while the test split was held back."""
    metadata = json.loads((MODELS / "flickr8k" / "metadata.json").read_text())
    for more in ({}, {"test": 1000}):
        assert is_trained_on(metadata, dataset(name="flickr8k", sizes={"train": 6000, "dev": 1000, **more}))
    assert not is_trained_on(metadata, dataset(name="flickr8k", sizes={"train": 5000, "dev": 1000}))
