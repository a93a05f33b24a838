"""COCO's folders of both years and entries that lead nowhere."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.datasets import coco, read_dataset
from tests.support_datasets import check_dataset, draw_image, make_coco, write


def write_coco(path, images, annotations):
    write(path, json.dumps({"images": images, "annotations": annotations}))


def test_ids_of_coco_are_kept_and_val_is_dev(tmp_path):
    """If this fails, results cannot be matched with COCO's own scorer."""
    make_coco(tmp_path)
    dataset = coco.read(tmp_path)
    assert dataset.splits() == {"train": 2, "dev": 1}
    (dev,) = dataset.split("val")
    assert (dev.source_id, dev.id) == (42, "val2014/COCO_val2014_000000000042.jpg")
    assert dev.captions == ("Bread on table 5.", "Bread on table 6.")  # without the line breaks of the file


@pytest.mark.parametrize("folder", ["train2017", "images/train2017", "images", "."])
def test_the_folders_of_2017(tmp_path, folder):
    """If this fails, a usual way to unpack COCO is not found."""
    draw_image(tmp_path / folder / "000000000009.jpg")
    images = [{"id": 9, "file_name": "000000000009.jpg"}]
    write_coco(tmp_path / "annotations/captions_train2017.json", images, [{"image_id": 9, "id": 1, "caption": "A"}])
    dataset = read_dataset(tmp_path)
    assert (dataset.name, dataset.splits()) == ("coco", {"train": 1})


def test_the_year_whose_images_are_there_is_read(tmp_path):
    """If this fails, having both annotation files mixes two splits of the same photographs."""
    make_coco(tmp_path)
    images = [{"id": 9, "file_name": "000000000009.jpg"}]
    write_coco(tmp_path / "annotations/captions_val2017.json", images, [{"image_id": 9, "id": 1, "caption": "A"}])
    dataset = coco.read(tmp_path)
    check_dataset(dataset)
    assert dataset.splits() == {"train": 2, "dev": 1}
    assert "those of 2014 were read" in dataset.notes[0]


def test_entries_that_lead_nowhere_are_told_and_the_rest_is_read(tmp_path):
    """If this fails, images without captions (there are some in COCO) or loose annotations stop the
    reader."""
    for name in ("a", "b", "c"):
        draw_image(tmp_path / f"val2014/{name}.jpg")
    images = [{"id": n, "file_name": f"{name}.jpg"} for n, name in enumerate(("a", "b", "absent"))]
    images += [{"id": 0, "file_name": "c.jpg"}, {"file_name": "c.jpg"}]
    annotations = [
        {"id": 1, "image_id": 0, "caption": "A dog."},
        {"id": 1, "image_id": 0, "caption": "A dog."},
        {"id": 2, "image_id": 0, "caption": "A dog."},
        {"id": 3, "image_id": 7, "caption": "Of no image."},
        {"id": 4, "image_id": 0, "caption": " \n"},
        {"id": 5, "image_id": 2, "caption": "Absent."},
        {"id": 6, "image_id": [0], "caption": "Odd."},
    ]
    write_coco(tmp_path / "captions_val2014.json", images, annotations)
    dataset = coco.read(tmp_path)
    assert [example.captions for example in dataset.examples] == [("A dog.", "A dog.")]
    assert sorted(problem.text for problem in dataset.problems) == [
        "annotations[1]: repeats an earlier row (same image, same caption); left out",
        "annotations[3]: there is no image with the id '7' in `images`; left out",
        "annotations[4]: the caption of 'a.jpg' is empty; the row was left out",
        "annotations[6]: expected an image_id and a caption, "
        "got {'caption': 'Odd.', 'id': 6, 'image_id': [0]}; left out",
        "images[3]: the id '0' is there already; left out",
        "images[4]: expected a file_name and an id, got {'file_name': 'c.jpg'}",
        "the image 'b.jpg' (id '1') has no caption",
        "there is no image 'absent.jpg'; its caption was left out",
    ]


def test_ids_that_are_text_in_one_list_and_numbers_in_the_other(tmp_path):
    """If this fails, no caption finds its image. The id leaves as the list of images has it."""
    draw_image(tmp_path / "a.jpg")
    draw_image(tmp_path / "b.jpg")
    images = [{"id": "007", "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"}]
    annotations = [
        {"id": 1, "image_id": "007", "caption": "A dog."},
        {"id": 2, "image_id": "7", "caption": "A cat."},
        {"id": 3, "image_id": 7.0, "caption": "The cat."},
    ]
    write_coco(tmp_path / "captions_val2014.json", images, annotations)
    dataset = coco.read(tmp_path)
    assert [(one.source_id, one.captions) for one in dataset.examples] == [
        ("007", ("A dog.",)), (7, ("A cat.", "The cat.")),
    ]  # fmt: skip
    assert not dataset.problems


@pytest.mark.parametrize("text", ['{"images": [', "[]", '{"images": []}', ""])
def test_a_file_that_is_no_caption_file_is_named(tmp_path, text):
    """If this fails, a download that broke off ends in a traceback."""
    path = write(tmp_path / "annotations/captions_val2014.json", text)
    with pytest.raises(UserError, match=path.name):
        read_dataset(tmp_path)
