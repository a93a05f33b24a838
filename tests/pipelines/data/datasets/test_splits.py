"""The split by hash is written down in data/README.md, so it must never change."""

import hashlib
from pathlib import Path

import pytest

from pipelines.data.datasets.splits import hashed_splits, set_aside
from pipelines.data.examples import DataSet, QuestionExample
from pipelines.data.question_datasets import read_questions
from tests.support_datasets import check_dataset, draw_image, write


def test_the_split_follows_the_documented_rule():
    """If this fails, data sets that people have split and trained on are split in another way."""
    names = [f"photo {number}.jpg" for number in range(2000)]
    splits = hashed_splits(names)
    for name in names:
        u = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
        assert splits[name] == ("test" if u < 0.1 else "dev" if u < 0.2 else "train")
    counts = {split: list(splits.values()).count(split) for split in ("train", "dev", "test")}
    assert counts["train"] == pytest.approx(1600, abs=80) and counts["dev"] == pytest.approx(200, abs=60)


def test_order_and_repetition_do_not_matter():
    """If this fails, sorting a table moves images between splits."""
    names = ["b.jpg", "a.jpg", "c.jpg", "a.jpg"]
    assert hashed_splits(names) == hashed_splits(sorted(set(names)))


@pytest.mark.parametrize("number", range(3, 12))
def test_small_data_sets_have_all_three_splits(number):
    """If this fails, someone who tries ten photographs has nothing to choose the best checkpoint by."""
    for seed in range(50):
        splits = hashed_splits(f"{seed}/{n}.png" for n in range(number))
        assert set(splits.values()) == {"train", "dev", "test"}


def test_one_or_two_images_are_for_training_whatever_their_hash():
    """If this fails, a single image may end up in test, and training on it is impossible."""
    for number in range(50):
        assert set(hashed_splits([f"{number}.png"]).values()) == {"train"}
        assert set(hashed_splits([f"{number}.png", f"{number}.jpg"]).values()) == {"train"}


def test_a_development_split_is_set_aside_by_image(tmp_path):
    """If this fails, questions about one image are trained on and tuned on, or another machine sets others aside."""
    for number in range(1, 41):
        draw_image(tmp_path / f"images/image{number}.jpg", number)
    rows = [
        f"{what} in the image{n} ?\nx" for n in range(1, 31) for what in ("what is it", "how many are", "what is red")
    ]
    write(tmp_path / "qa.894.raw.train.txt", "\n".join(rows) + "\n")
    write(tmp_path / "qa.894.raw.test.txt", "\n".join(f"what is it in the image{n} ?\nx" for n in range(31, 41)) + "\n")
    dataset = read_questions(tmp_path)
    tuned = set_aside(dataset, 0.1)
    check_dataset(tuned)
    assert tuned.splits() == {"train": 81, "dev": 9, "test": 10}
    assert [one.id for one in tuned.examples] == [one.id for one in dataset.examples]
    assert "3 of 30 training images were set aside" in tuned.notes[-1]
    hashes = {f"image{n}": hashlib.sha256(f"image{n}".encode()).digest()[:8] for n in range(1, 31)}
    assert {one.image.stem for one in tuned.split("dev")} == set(sorted(hashes, key=hashes.get)[:3])
    assert set_aside(tuned) is tuned, "what has the split stays as it is"


def test_one_image_is_not_set_aside():
    """If this fails, nothing is left to train on."""
    one = QuestionExample("a.jpg#0", Path("a.jpg"), "What?", ("x",), "train")
    dataset = DataSet("table", Path(), (one,))
    assert set_aside(dataset) is dataset
