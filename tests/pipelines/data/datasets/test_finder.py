"""Where the images of a data set are."""

from pipelines.data.datasets.finder import ImageFinder, existing_folders
from tests.support_datasets import draw_image


def test_folders_are_found_in_any_case_and_named_as_on_the_disk(tmp_path):
    """If this fails, an archive whose folders are spelt with capitals has no images."""
    draw_image(tmp_path / "Images/Train2014/a.jpg")
    (tmp_path / "images").write_text("a file of that name is no folder") if not (tmp_path / "images").exists() else None
    assert existing_folders(tmp_path, ["nowhere", "images/train2014", ".", "IMAGES/train2014"]) == [
        "Images/Train2014",
        ".",
    ]
    assert ImageFinder(tmp_path, ["images/train2014"]).find("a.jpg") == "Images/Train2014/a.jpg"


def test_where_two_folders_differ_in_case_only_the_exact_one_comes_first(tmp_path):
    """If this fails, the same name leads to another image than before."""
    draw_image(tmp_path / "Images/a.jpg")
    draw_image(tmp_path / "images/a.jpg")
    if len(list(tmp_path.iterdir())) == 2:  # the disk tells them apart
        assert existing_folders(tmp_path, ["images"]) == ["images", "Images"]
        assert ImageFinder(tmp_path, ["images"]).find("a.jpg") == "images/a.jpg"
