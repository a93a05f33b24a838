"""Which files count as images, what they are called, and that no folder stops the walk."""

import os
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from pipelines.inference.jobs import image_walk as folders
from pipelines.inference.jobs.image_walk import find_images


def image(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((2, 3, 3), colour, np.uint8)).save(path, "PNG")
    return path


def names(*paths, **options):
    return [found.name for found in find_images(paths, **options)]


def test_a_folder_is_walked_in_sorted_order_and_names_are_relative(tmp_path):
    for name in ("b.PNG", "a/z.jpg", "a/b/c.webp", "c d, 'e'.gif"):
        image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    assert names(tmp_path) == ["a/b/c.webp", "a/z.jpg", "b.PNG", "c d, 'e'.gif"]


@pytest.mark.parametrize("held", [1, 2, 3, 7, 100])
def test_a_folder_of_more_names_than_are_held_is_walked_the_same(tmp_path, monkeypatch, held):
    """A million names are never in memory at once; none may be lost or come twice where one list ends."""
    for number in range(12):
        image(tmp_path / f"{number % 4}" / f"{number}.png")
    for name in ("a.png", "a b.png", "a/x.png", "a-.png", "犬.png"):
        image(tmp_path / name)
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "0" / "gone.png").symlink_to("nothing")
    expected = names(tmp_path)
    assert len(expected) == len(set(expected)) == 19
    monkeypatch.setattr(folders, "HELD", held)
    assert names(tmp_path) == expected


def test_names_that_come_and_go_meanwhile_stop_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "HELD", 2)
    for number in range(8):
        image(tmp_path / f"{number}.png")
    found = []
    for one in find_images([tmp_path]):
        found.append(one.name)
        (tmp_path / "5.png").unlink(missing_ok=True)
        image(tmp_path / "6a.png")
    assert found == ["0.png", "1.png", "2.png", "3.png", "4.png", "6.png", "6a.png", "7.png"]


def test_an_image_is_known_by_its_content_where_its_name_says_nothing(tmp_path):
    for name in ("photo", "photo.txt", "photo.jpg.backup"):
        image(tmp_path / name)
    (tmp_path / "empty").write_bytes(b"")
    assert names(tmp_path) == ["photo", "photo.jpg.backup", "photo.txt"]


def test_a_folder_called_like_an_image_is_a_folder(tmp_path):
    image(tmp_path / "holiday.jpg" / "one.png")
    assert names(tmp_path) == ["holiday.jpg/one.png"]


def test_links_in_a_circle_are_walked_once(tmp_path):
    image(tmp_path / "in" / "a.png")
    image(tmp_path / "out" / "b.png")
    (tmp_path / "in" / "up").symlink_to("..")
    (tmp_path / "in" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "out", target_is_directory=True)
    (tmp_path / "out" / "back").symlink_to(tmp_path / "in", target_is_directory=True)
    # `up` leads out of what was given, to the folder above: its other content is walked, `in` itself is not again.
    found = names(tmp_path / "in")
    assert found.count("a.png") == 1 and len(found) == len(set(found))
    assert [name.rsplit("/", 1)[-1] for name in found].count("b.png") >= 1
    assert len(found) < 8, "a circle was walked again and again"


def test_equal_names_in_two_folders_stay_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image(tmp_path / "a" / "1.png")
    image(tmp_path / "b" / "1.png")
    assert names("a", "b") == ["a/1.png", "b/1.png"]
    assert names("a", "./a", "a/1.png", tmp_path / "a") == ["1.png"], "one folder in four spellings"


def test_a_missing_path_is_listed_only_if_there_is_other_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image(tmp_path / "1.png")
    assert names("1.png", "gone.jpg") == ["1.png", "gone.jpg"]
    with pytest.raises(UserError, match=r"no file or folder gone\.jpg"):
        names("gone.jpg")


def test_a_folder_of_our_own_pictures_is_left_out(tmp_path):
    image(tmp_path / "1.png")
    image(tmp_path / "looks" / "1.png.png")
    assert names(tmp_path, exclude=[tmp_path / "looks"]) == ["1.png"]


@pytest.mark.skipif(os.getuid() == 0 if hasattr(os, "getuid") else True, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path):
    image(tmp_path / "1.png")
    (tmp_path / "secret").mkdir(mode=0)
    found = list(find_images([tmp_path]))
    assert [one.name for one in found if one.problem] == ["secret"]


def test_what_other_programs_keep_beside_images_is_left_out_and_counted(tmp_path):
    """Wrong if a folder from another computer has twice as many images as it shows, or thumbnails get captions."""
    for name in ("1.png", ".hidden.png", "trash.png", "@eaDir.png"):
        image(tmp_path / name)
    for name in ("._1.png", "a/._2.jpg", "__MACOSX/._1.png", "a/@eaDir/1.png", "a/@eaDir/2.png",
                 ".ipynb_checkpoints/1-checkpoint.png", "#recycle/1.png", "$RECYCLE.BIN/1.png",
                 ".stversions/1~20260101.png", ".dtrash/1.png", "All Previews.lrdata/1.jpg"):  # fmt: skip
        image(tmp_path / name)
    litter = Counter()
    assert names(tmp_path, litter=litter) == [".hidden.png", "1.png", "@eaDir.png", "trash.png"]
    assert litter == {"._*": 2, "__MACOSX/": 1, "@eaDir/": 1, ".ipynb_checkpoints/": 1, "#recycle/": 1,
                      "$RECYCLE.BIN/": 1, ".stversions/": 1, ".dtrash/": 1, "All Previews.lrdata/": 1}  # fmt: skip
    assert names(tmp_path / "a" / "@eaDir") == ["1.png", "2.png"], "whoever names the folder means it"


def test_text_that_begins_like_an_image_is_none(tmp_path):
    (tmp_path / "a.txt").write_text("BMW parked in front of a house")
    (tmp_path / "b").write_text("P2 is a key of this keyboard")
    image(tmp_path / "c")
    assert names(tmp_path) == ["c"]
