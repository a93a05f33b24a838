"""Hugging Face's imagefolder: where its metadata may be, and what may be wrong in it."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.datasets import read_dataset
from tests.support_datasets import check_dataset, draw_image, make_imagefolder, write


def problems(dataset):
    return [str(problem) for problem in dataset.problems]


def captions(dataset):
    return {example.id: example.captions for example in dataset.examples}


def test_split_folders_with_metadata_of_either_kind(tmp_path):
    """If this fails, a data set as `datasets` loads it has no captions here, or other splits."""
    make_imagefolder(tmp_path)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert dataset.name == "imagefolder" and not dataset.problems and not dataset.notes
    assert dataset.splits() == {"train": 2, "dev": 1, "test": 1}
    assert captions(dataset) == {
        "test/2.jpg": ("A boat.", "A boat."),  # of two people
        "Validation/0.png": ("Two people.",),
        "train/0.png": ("A dog.", "A brown dog."),
        "train/more/1.png": ("A cat.",),
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("column", ["text", "caption", "caption_0", "captions"])
def test_metadata_in_the_root_is_split_by_what_says_it(kind, column, tmp_path):
    """If this fails, a published split is replaced by another one, or test images are trained on."""
    for shade, name in enumerate(("train/a.png", "VAL/b.png", "test/c.png")):
        draw_image(tmp_path / name, shade)
    rows = [{"file_name": name, column: "A dog."} for name in ("train/a.png", "VAL/b.png", "test/c.png")]

    def put(rows):
        if kind == "jsonl":
            write(tmp_path / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        else:
            write(tmp_path / "metadata.csv", "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]))
        return {example.id: example.split for example in read_dataset(tmp_path).examples}

    assert put(rows) == {"train/a.png": "train", "VAL/b.png": "dev", "test/c.png": "test"}
    named = [{**row, "split": split} for row, split in zip(rows, ("Test", "train", "validation"), strict=True)]
    assert put(named) == {"train/a.png": "test", "VAL/b.png": "train", "test/c.png": "dev"}


def test_a_train_folder_alone_is_split_by_hash_and_the_note_says_it(tmp_path):
    """If this fails, training on the most frequent form of this layout ends as there is nothing to choose epochs by."""
    for number in range(6):
        draw_image(tmp_path / f"train/{number}.png", number)
    write(tmp_path / "train/metadata.csv", "file_name,text\n" + "".join(f"{n}.png,Dog {n}.\n" for n in range(6)))
    dataset = read_dataset(tmp_path)
    assert set(dataset.splits()) == {"train", "dev", "test"}
    assert dataset.notes[0].startswith("All images are in the folder train: by a hash")


def test_what_is_wrong_with_rows_is_said_and_the_others_are_read(tmp_path):
    """If this fails, one bad row costs all others, is dropped without a word, or leads out of the folder."""
    draw_image(tmp_path / "a.png")
    draw_image(tmp_path.parent / f"{tmp_path.name}_beside.png")
    rows = [
        "not JSON",
        {"file_name": "gone.png", "text": "A dog."},
        {"file_name": f"../{tmp_path.name}_beside.png", "text": "A dog."},
        {"file_name": str(tmp_path.parent / f"{tmp_path.name}_beside.png"), "text": "A dog."},
        {"file_name": "a.png", "captions": [["a", "dog"], "A dog."]},
        {"file_name": "a.png", "captions": []},
        {"file_name": "a.png", "caption_0": None, "caption_1": ""},
        {"file_name": 7},
        {"file_name": "a.png", "split_": "x"},
        {"file_name": "a.png", "text": {"en": "A dog."}},
    ]
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path = write(tmp_path / "metadata.jsonl", "\n".join(lines) + "\n")
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert captions(dataset) == {"a.png": ("A dog.",)}
    reported = {problem.line for problem in dataset.problems}
    assert reported == set(range(1, len(rows) + 1)) and all(problem.path == path for problem in dataset.problems)
    text = "\n".join(problems(dataset))
    assert "metadata.jsonl:5: expected each caption as one text, got ['a', 'dog']; left out" in text
    assert text.count("is outside of the data's folder, of which nothing is read") == 2


def test_metadata_without_captions_is_no_data_set_of_captions(tmp_path):
    """If this fails, labels are learned as captions, or nobody learns which column is missing."""
    draw_image(tmp_path / "a.png")
    write(tmp_path / "metadata.csv", "file_name,label\na.png,7\n")
    with pytest.raises(UserError, match=r"column `image` is missing.*it has: 'file_name', 'label'"):
        read_dataset(tmp_path)
