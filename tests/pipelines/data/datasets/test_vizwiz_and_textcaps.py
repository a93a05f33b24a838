"""VizWiz-Captions and TextCaps: what is special about each."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.datasets import read_dataset
from pipelines.data.question_datasets import read_questions
from tests.support_datasets import CANNED, check_dataset, make_textcaps, make_vizwiz
from tests.support_questions import make_vizwiz_vqa


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def problems(dataset):
    return [problem.text for problem in dataset.problems]


def test_rejected_and_canned_captions_are_left_out_and_counted(tmp_path):
    """If this fails, a model learns to say that the quality is too bad, and scores compare with none."""
    make_vizwiz(tmp_path)
    dataset = read_dataset(tmp_path)
    assert dataset.splits() == {"train": 2, "dev": 1}
    assert {example.id: example.captions for example in dataset.examples}["train/VizWiz_train_00000001.jpg"] == (
        "A can of soup 1.", "A can of soup on a table."
    )  # fmt: skip
    assert not any(CANNED in example.captions for example in dataset.examples)
    assert dataset.notes == (
        "The captions of test.json are withheld: its images are not used (1).",
        "Captions that are left out, as by the official evaluation: 6 canned and 4 rejected; images that have no "
        "others: 1.",
    )
    assert any("4 rejected" in line for line in inspect_layout(tmp_path)[0].lines())


def test_flags_of_other_types_and_captions_that_are_none(tmp_path):
    """If this fails, a copy with 0 and 1 for false and true keeps what it should not, or odd rows end the reading."""
    make_vizwiz(tmp_path)

    def change(content):
        first, second, third, fourth = content["annotations"]
        first["is_rejected"], second["is_precanned"], third["caption"], fourth["is_rejected"] = 0, 1, ["A", "can"], "x"
        third["is_precanned"] = None
        content["annotations"].append({"image_id": 99, "caption": "A can."})

    edit(tmp_path / "annotations/val.json", change)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert dataset.split("dev")[0].captions == ("A can of soup 0.", "asdf")
    assert [text.partition(":")[0] for text in problems(dataset)] == ["annotations[2]", "annotations[4]"]


def test_captions_and_questions_of_vizwiz_may_lie_in_one_folder(tmp_path):
    """If this fails, one of the two is read as the other, or not at all."""
    make_vizwiz(tmp_path / "a")
    make_vizwiz_vqa(tmp_path / "b")
    with pytest.raises(UserError, match="not a data set"):
        read_questions(tmp_path / "a")
    with pytest.raises(UserError, match="not a data set"):
        read_dataset(tmp_path / "b")
    for split in ("train", "val", "test"):
        (tmp_path / "b/Annotations" / f"{split}.json").rename(tmp_path / "a" / f"{split}.json")
    assert read_dataset(tmp_path / "a").splits() == {"train": 2, "dev": 1}


def test_each_image_of_textcaps_has_its_captions_once(tmp_path):
    """If this fails, each caption counts five times, or one that two people wrote alike counts once."""
    make_textcaps(tmp_path)
    dataset = read_dataset(tmp_path)
    assert dataset.splits() == {"train": 2, "dev": 1} and dataset.examples[0].id == "train_images/0fb0.jpg"
    assert dataset.split("train")[0].captions == (
        "A sign that says 0054.", "A sign on a wall", "A sign on a wall", "a yellow sign"
    )  # fmt: skip
    assert dataset.split("train")[0].source_id == "0054c91397f2fe05"
    assert dataset.notes == ("The captions of TextCaps_0.1_test.json are withheld: its images are not used (1).",)


def test_odd_entries_of_textcaps(tmp_path):
    """If this fails, an entry without a list of references is lost, or one with tokens in its place is learned."""
    make_textcaps(tmp_path)

    def change(content):
        first, *_ = content["data"]
        content["data"] = [
            {key: first[key] for key in ("image_id", "caption_str")},
            {**first, "caption_str": "Something else.", "reference_strs": None},
            {**first, "caption_str": " ", "reference_strs": None},
            {**first, "reference_strs": [["a", "sign"], "A sign."], "caption_str": "A sign."},
            {**first, "reference_strs": "A sign."},
            {"image_id": first["image_id"], "caption_str": ["a"]},
            {"caption_str": "A sign."},
            {"image_id": first["image_id"], "reference_strs": []},
        ]

    edit(tmp_path / "TextCaps_0.1_val.json", change)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert dataset.split("dev")[0].captions == ("A sign that says 0fb0.", "Something else.", "A sign.")
    assert [text.partition(":")[0] for text in problems(dataset)] == [f"data[{n}]" for n in (2, 3, 4, 5, 6, 7)]
