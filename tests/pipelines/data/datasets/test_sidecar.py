"""Captions beside images."""

import pytest

from captioner.errors import UserError
from pipelines.data.datasets import read_dataset
from pipelines.inference.jobs.sidecars import Sidecars
from tests.support_datasets import check_dataset, draw_image, make_sidecar, make_table, write


def captions(dataset):
    return {example.id: example.captions for example in dataset.examples}


def test_texts_beside_images_in_split_folders(tmp_path):
    """If this fails, what other programs keep beside images cannot be trained on."""
    make_sidecar(tmp_path)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert dataset.name == "sidecar" and not dataset.problems and not dataset.notes
    assert captions(dataset) == {
        "train/a.jpg": ("A dog.", "A brown dog."),
        "train/b.jpg": ("A grey cat.",),
        "train/b.png": ("A cat.",),
        "Val/c.jpg": ("Two people.",),
        "test/more/d.JPG": ("A boat.",),
    }
    assert dataset.splits() == {"train": 3, "dev": 1, "test": 1}


def test_what_this_program_writes_beside_images_can_be_read(tmp_path):
    """If this fails, corrected captions of `caption --sidecar txt` cannot be trained on."""
    written = {"a.jpg": "A dog.", "b.jpg": "A cat.", "b.png": "A grey cat.", "more/c.jpg": "A boat."}
    for shade, name in enumerate(written):
        draw_image(tmp_path / name, shade)
    sidecars = Sidecars(("txt",), [tmp_path])
    for name, caption in written.items():
        sidecars.write({"image": name, "caption": caption}, str(tmp_path / name))
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert captions(dataset) == {name: (caption,) for name, caption in written.items()}
    assert set(dataset.splits()) == {"train", "dev", "test"} and not dataset.problems
    assert dataset.notes[0].startswith("Nothing says which image is in which split")


def test_what_cannot_be_used_is_said(tmp_path):
    """If this fails, an image without caption, or a caption without image, is dropped without a word."""
    for shade, name in enumerate(("a.jpg", "b.jpg", "b.png", "c.jpg", "d.jpg", "e.jpg")):
        draw_image(tmp_path / name, shade)
    write(tmp_path / "a.txt", "dog, brown, grass")
    write(tmp_path / "a.caption", "A brown dog on grass.")
    write(tmp_path / "b.txt", "A cat.")
    write(tmp_path / "c.txt", b"Caf\xe9")
    write(tmp_path / "d.txt", "\n \n")
    write(tmp_path / "gone.txt", "A boat.")
    write(tmp_path / "._a.txt", "macOS")
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert captions(dataset) == {"a.jpg": ("A brown dog on grass.",), "b.jpg": ("A cat.",)}
    found = {(problem.path.name, problem.text) for problem in dataset.problems}
    assert ("a.caption", "was read for 'a.jpg', and a.txt was not") in found
    assert ("b.txt", "is beside 'b.jpg' and 'b.png'; it was read for the first") in found
    assert ("d.txt", "the caption of 'd.jpg' is empty; left out") in found
    assert ("gone.txt", "there is no image of this name beside it; its caption was left out") in found
    assert {name for name, _ in found} == {"a.caption", "b.txt", "c.txt", "d.txt", "gone.txt"}
    assert (
        "Images without a caption beside them, which are not used: 1." in dataset.notes[0]
        and "1 x ._*" in dataset.notes[1]
    )


def test_a_table_counts_before_texts_beside_images(tmp_path):
    """If this fails, a folder that was read as a table has become several data sets at once."""
    make_table(tmp_path)
    write(tmp_path / "images/a.txt", "Another caption.")
    assert read_dataset(tmp_path).name == "table"
    assert captions(read_dataset(tmp_path, "sidecar")) == {"images/a.jpg": ("Another caption.",)}


def test_images_alone_are_no_data_set(tmp_path):
    """If this fails, a folder of photographs without captions is trained on."""
    draw_image(tmp_path / "a.jpg")
    write(tmp_path / "README.txt", "Photographs.")
    with pytest.raises(UserError, match=r"sidecar: photo\.txt or photo\.caption beside photo\.jpg"):
        read_dataset(tmp_path)
