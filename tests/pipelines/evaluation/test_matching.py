"""Which image a caption is of: whoever takes the wrong one scores captions of one image against another."""

import pytest

from captioner.errors import UserError
from pipelines.evaluation.caption_files import read_references
from pipelines.evaluation.matching import match
from tests.support_datasets import draw_image, write


def matched(name, references, others=()):
    (found,) = match({name: "a dog"}, dict.fromkeys(references, ("a dog",)), dict(others))
    return found


@pytest.mark.parametrize(
    "name",
    [
        "a/1.jpg",
        "./a/1.jpg",
        "a//1.jpg",
        "a\\1.jpg",
        "images/a/1.jpg",
        "/home/me/data/images/a/1.jpg",
        "C:\\x\\a\\1.jpg",
    ],
)
def test_a_path_is_of_the_image_whose_name_it_ends_in(name):
    """Programs write relative paths, absolute ones and those of other systems: none is a reason to give up."""
    assert matched(name, ["1.jpg", "b/1.jpg", "a/1.jpg", "a/2.jpg"]) == "a/1.jpg"


def test_a_name_alone_will_do_where_only_one_image_has_it():
    """Captions of one folder are named without it; the references of a data set with it."""
    assert matched("1.jpg", ["data/images/1.jpg", "data/images/11.jpg"]) == "data/images/1.jpg"
    assert matched("images/1.jpg", ["data/images/1.jpg", "other/1.jpg"]) == "data/images/1.jpg"
    assert matched("1.jpg", ["a/1.jpg", "1.jpg"]) == "1.jpg", "the name itself comes before the end of another"


@pytest.mark.parametrize("name", ["1.jpg", "./1.jpg"])
def test_a_name_that_could_mean_two_images_is_refused_with_both(name):
    """The first of them would be as likely wrong as right."""
    with pytest.raises(UserError, match=r"could mean 2 images of the references: 'a/1\.jpg', 'b/1\.jpg'\. Name it as"):
        matched(name, ["a/1.jpg", "b/1.jpg"])
    with pytest.raises(UserError, match=r"could mean 9 images of the references: '0/1\.jpg', .*'2/1\.jpg', \.\.\.\."):
        matched(name, [f"{number}/1.jpg" for number in range(9)])


@pytest.mark.parametrize("name", ["c/1.jpg", "/data/train/1.jpg", "c/a/../1.jpg"])
def test_an_image_in_another_folder_is_another_image(name):
    """Photographs of many cameras are called alike: c/1.jpg would be scored against what a/1.jpg shows."""
    with pytest.raises(UserError, match=r"has a caption but no reference.*name them like 'a/1\.jpg'"):
        matched(name, ["x.jpg", "a/1.jpg"])


def test_other_names_are_names_too_and_those_of_two_images_are_refused():
    """COCO names an image by its number and by its file."""
    others = {"1.jpg": ["7"], "2.jpg": ["8", "9"]}
    for name in ("7", "1.jpg", "val2014/1.jpg"):
        assert matched(name, ["7", "8", "9"], others) == "7"
    for name in ("2.jpg", "val2014/2.jpg"):
        with pytest.raises(UserError, match="could mean 2 images of the references: '8', '9'"):
            matched(name, ["7", "8", "9"], others)
    with pytest.raises(UserError, match="no reference"):
        matched("1.jpg", ["8"], others)


def test_a_name_of_many_folders_has_few_parts_looked_at():
    """100,000 folders in one name were five thousand million parts of names."""
    name = "a/" * 100_000 + "1.jpg"
    assert match({name: "x"}, {name: ("x",)}, {}) == {name: "x"}
    assert match({name: "x"}, {"a/1.jpg": ("x",)}, {}) == {"a/1.jpg": "x"}


def test_the_images_of_a_data_set_go_by_their_names_in_the_table_and_by_their_paths(tmp_path):
    """A data set's ids are paths below its folder; captions are named as the photographs' folder was given."""
    for name in ("1", "a/1", "b/1"):
        draw_image(tmp_path / f"images/{name}.jpg")
    write(tmp_path / "captions.csv", "image,caption\n1.jpg,a\na/1.jpg,b\nb/1.jpg,c\n")
    known = read_references(tmp_path)
    for name in ("1", "a/1", "b/1"):
        for before in ("", "images/", f"{tmp_path}/images/"):
            found = match({f"{before}{name}.jpg": "x"}, known.captions, known.others)
            assert found == {f"images/{name}.jpg": "x"}
