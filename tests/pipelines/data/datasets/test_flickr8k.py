"""Flickr8k's two caption files, its split lists and the known faults of the published ones."""

from collections import Counter

import pytest

from captioner.errors import UserError
from pipelines.data.datasets import flickr8k, read_dataset
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT
from tests.support_datasets import check_dataset, draw_image, make_flickr8k, write


def said(dataset):
    """`file:line` of each problem -> its text."""
    return {f"{problem.path.name}:{problem.line}": problem.text for problem in dataset.problems}


def test_lists_decide_and_images_in_none_are_left_out(tmp_path):
    """If this fails, images that nobody put into a split are trained on, or a missing list is an error."""
    make_flickr8k(tmp_path)
    dataset = flickr8k.read(tmp_path)
    assert {example.source_id: example.split for example in dataset.examples} == {
        "a.jpg": "train",
        "b.jpg": "dev",
    }
    assert dataset.examples[0].captions == tuple(f"A dog number {n} runs ." for n in range(5))
    assert dataset.examples[0].id == "Flicker8k_Dataset/a.jpg"
    assert dataset.notes == ("1 captioned images are in no split list and are not used.",)


@pytest.mark.parametrize("name", ["captions.csv", "captions.txt"])
@pytest.mark.parametrize("folder", ["images", "Images", "Flickr8k_Dataset", "Flicker8k_Dataset/Flicker8k_Dataset", "."])
def test_the_csv_copies_and_every_usual_image_folder(tmp_path, name, folder):
    """If this fails, a common copy of Flickr8k is not found."""
    draw_image(tmp_path / folder / "a.jpg")
    write(tmp_path / name, 'image,caption\r\na.jpg,"A dog , running ."\r\na.jpg,A dog\r\n')
    write(tmp_path / "Flickr_8k.trainImages.txt", "a.jpg\n")
    dataset = read_dataset(tmp_path)
    assert dataset.name == "flickr8k" and not dataset.problems
    assert dataset.examples[0].captions == ("A dog , running .", "A dog")


def test_the_second_copy_of_2258277193(tmp_path):
    """If this fails, the published token file loses five captions or stops the reader."""
    name = "2258277193_586949ec62.jpg"
    draw_image(tmp_path / "images" / name)
    write(tmp_path / "Flickr8k.token.txt", f"{name}.1#0\tPeople wait .\n{name}.1#1\tA train comes .\n")
    write(tmp_path / "Flickr_8k.trainImages.txt", f"{name}\n")
    dataset = flickr8k.read(tmp_path)
    assert dataset.examples[0].captions == ("People wait .", "A train comes .")
    assert said(dataset) == {"Flickr8k.token.txt:1": f"'{name}.1' was read as '{name}'"}


def test_the_second_copy_without_any_image_is_a_missing_image(tmp_path):
    """If this fails, captions of an image that nobody has are taken for those of another."""
    make_flickr8k(tmp_path)
    write(tmp_path / "Flickr8k.token.txt", "a.jpg#0\tA dog\n2258277193_586949ec62.jpg.1#0\tPeople wait .\n")
    write(tmp_path / "Flickr_8k.devImages.txt", "")
    dataset = flickr8k.read(tmp_path)
    assert said(dataset)["Flickr8k.token.txt:2"].startswith("there is no image '2258277193_586949ec62.jpg.1'")


def test_every_fault_is_told_with_its_line_and_the_rest_is_read(tmp_path):
    """If this fails, one bad row costs the whole data set, or nobody learns which row it is."""
    make_flickr8k(tmp_path)
    rows = [
        b"a.jpg#0\tA dog .",
        b"a.jpg#0\tA dog .",  # the same row
        b"a.jpg#1\tA dog .",  # another person with the same words
        b"no tab here",
        b"",
        b"a.jpg#2\t  ",
        b"gone.jpg#0\tNobody .",
        b"gone.jpg#1\tNobody at all .",
        b"b.jpg#0\tA caf\xe9 .",  # Latin-1
        b"b.jpg#1\tA caf\xc3\xa9 .",
    ]
    write(tmp_path / "Flickr8k.token.txt", b"\n".join(rows))
    write(tmp_path / "Flickr_8k.trainImages.txt", "a.jpg\na.jpg\nabsent.jpg\nc.jpg\n")
    write(tmp_path / "Flickr_8k.devImages.txt", "b.jpg\na.jpg\n")
    dataset = flickr8k.read(tmp_path)
    check_dataset(dataset)
    assert [example.captions for example in dataset.examples] == [("A dog .", "A dog ."), ("A café .",)]
    not_utf8 = NOT_TEXT_LEFT_OUT
    in_dev = "'a.jpg' is in dev as well (Flickr_8k.devImages.txt:2); it stays in dev only"
    assert said(dataset) == {
        "Flickr8k.token.txt:2": "repeats line 1 (same image, same caption); left out",
        "Flickr8k.token.txt:4": "expected image.jpg#0, a tab and a caption, got 'no tab here'",
        "Flickr8k.token.txt:6": "the caption of 'a.jpg' is empty; the row was left out",
        "Flickr8k.token.txt:7": "there is no image 'gone.jpg'; its 2 captions were left out (lines 7, 8)",
        "Flickr8k.token.txt:9": "'b.jpg': " + not_utf8,
        "Flickr_8k.trainImages.txt:1": in_dev,
        "Flickr_8k.trainImages.txt:2": in_dev,
        "Flickr_8k.trainImages.txt:3": "'absent.jpg' is listed in train, but there is no such image file",
        "Flickr_8k.trainImages.txt:4": "'c.jpg' is listed in train, but it has no caption",
    }


def test_captions_that_two_people_wrote_alike_are_kept_in_the_csv_too(tmp_path):
    """If this fails, the two layouts of one data set differ, and so do the scores on them."""
    draw_image(tmp_path / "images/a.jpg")
    write(tmp_path / "captions.txt", "image,caption\na.jpg,A dog\na.jpg,A dog\n")
    dataset = flickr8k.read(tmp_path)
    assert dataset.examples[0].captions == ("A dog", "A dog")
    assert said(dataset)["captions.txt:3"].startswith("repeats line 2 (same image, same caption); kept")


def test_without_any_list_images_are_split_by_hash_and_that_is_said(tmp_path):
    """If this fails, copies without lists have no dev split, or nobody learns that scores do not compare."""
    make_flickr8k(tmp_path)
    for path in tmp_path.glob("Flickr_8k.*"):
        path.unlink()
    dataset = flickr8k.read(tmp_path)
    check_dataset(dataset)
    assert dataset.splits() == {"train": 1, "dev": 1, "test": 1}
    assert "by a hash of its name" in dataset.notes[0]


def test_without_lists_images_of_published_names_have_their_official_split(tmp_path):
    """If this fails, scores on Kaggle's copy, which has no lists, do not compare with published ones."""
    names = {"1000268201_693b08cb0e.jpg": "train", "2090545563_a4e66ec76b.jpg": "dev", "photo.jpg": None}
    for shade, name in enumerate(names):
        draw_image(tmp_path / "Images" / name, shade)
    write(tmp_path / "captions.txt", "image,caption\n" + "".join(f"{name},A dog .\n" for name in names))
    dataset = flickr8k.read(tmp_path)
    check_dataset(dataset)
    assert {example.image.name: example.split for example in dataset.examples} == {
        name: split for name, split in names.items() if split
    }
    assert dataset.notes[0].startswith("1 captioned images are in no split list")
    assert "official split by name" in dataset.notes[1] and len(dataset.notes) == 2


def test_the_official_splits_have_their_published_sizes():
    """If this fails, the file of official splits was damaged."""
    assert Counter(flickr8k._official_splits().values()) == {"train": 6000, "dev": 1000, "test": 1000}


def test_without_any_image_the_error_says_where_it_looked(tmp_path):
    """If this fails, someone with the captions but no images does not learn what is missing."""
    make_flickr8k(tmp_path)
    for path in tmp_path.glob("Flicker8k_Dataset/*"):
        path.unlink()
    with pytest.raises(UserError, match=r"Flickr8k.token.txt:1: there is no image 'a.jpg'.*looked for in Flicker8k_"):
        flickr8k.read(tmp_path)
