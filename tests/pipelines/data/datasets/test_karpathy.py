"""Karpathy's splits, over COCO's folders and over a flat one."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.datasets import karpathy
from tests.support_datasets import draw_image, make_karpathy, write


def test_restval_joins_train_and_folders_are_used(tmp_path):
    """If this fails, 30,000 training images are lost and scores cannot be compared with published ones."""
    make_karpathy(tmp_path)
    dataset = karpathy.read(tmp_path)
    assert dataset.splits() == {"train": 2, "dev": 1, "test": 1}
    assert [example.source_id for example in dataset.split("train")] == [100, 101]
    assert dataset.examples[0].captions == ("A man 0.", "A man 1.")
    assert dataset.examples[0].id == "train2014/COCO_train2014_000000000000.jpg"


def test_images_may_lie_in_one_folder(tmp_path):
    """If this fails, the files for Flickr8k and Flickr30k, which name no folder, find no image."""
    image = {"filename": "7.jpg", "imgid": 7, "split": "test", "sentences": [{"raw": "A dog .", "sentid": 1}]}
    write(tmp_path / "dataset_flickr30k.json", json.dumps({"images": [image], "dataset": "flickr30k"}))
    draw_image(tmp_path / "flickr30k-images/7.jpg")
    assert karpathy.read(tmp_path).examples[0].id == "flickr30k-images/7.jpg"


def test_faulty_entries_are_told_by_their_place_in_the_file(tmp_path):
    """If this fails, one bad entry costs the data set, or nobody finds it among 120,000."""
    draw_image(tmp_path / "images/a.jpg")
    sentence = {"raw": "A dog ."}
    images = [
        {"filename": "a.jpg", "split": "train", "sentences": [sentence, {"tokens": ["a"]}, {"raw": ""}]},
        {"filename": "gone.jpg", "split": "train", "sentences": [sentence, sentence]},
        {"filename": "b.jpg", "split": "train", "sentences": []},
        {"filename": "a.jpg", "split": "val", "sentences": [sentence]},
        {"filename": "a.jpg"},
        None,
    ]
    write(tmp_path / "dataset_mine.json", json.dumps({"images": images}))
    dataset = karpathy.read(tmp_path)
    assert [example.captions for example in dataset.examples] == [("A dog .",)]
    assert [problem.text for problem in dataset.problems] == [
        "images[0].sentences[1]: expected a `raw` text, got {'tokens': ['a']}; left out",
        "images[0].sentences[2]: the caption of 'a.jpg' is empty; the row was left out",
        "images[2]: 'b.jpg' has no caption",
        "images[3].sentences[0]: 'a.jpg' is in dev here, but in train an earlier row; it stays in train, "
        "and this row was left out",
        "images[4]: expected filename, split and sentences, got {'filename': 'a.jpg'}; left out",
        "images[5]: expected filename, split and sentences, got {}; left out",
        "there is no image 'gone.jpg'; its 2 captions were left out",
    ]


def test_two_files_of_splits_are_refused(tmp_path):
    """If this fails, unpacking the whole archive beside COCO reads another data set's splits."""
    make_karpathy(tmp_path)
    write(tmp_path / "dataset_flickr8k.json", "{}")
    with pytest.raises(UserError, match=r"dataset_coco.json, dataset_flickr8k.json. Keep one"):
        karpathy.read(tmp_path)
