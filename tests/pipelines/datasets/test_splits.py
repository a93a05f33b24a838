"""The split by hash is written down in data/README.md, so it must never change."""

import hashlib

import pytest

from pipelines.datasets.splits import hashed_splits


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
