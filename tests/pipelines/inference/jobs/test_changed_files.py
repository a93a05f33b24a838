"""Only what is new or changed is captioned again, and what was decided for a name is kept otherwise."""

import json
import os
import struct

import numpy as np
import pytest
from PIL import Image

from captioner.images.decode import ImageLimits
from pipelines.inference.jobs.captioning import CaptionOptions
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_jobs import caption_images

OPTIONS = CaptionOptions(batch_size=4)


def draw(path, number, size=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    for number in range(10):
        draw(tmp_path / "in" / f"{number}.png", number)
    (tmp_path / "in" / "half.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    return tmp_path / "in"


def caption(folder, **changes):
    """`(summary, name -> line, the names in the order of the file)`."""
    options = CaptionOptions(batch_size=4, **changes)
    output = folder.parent / "c.jsonl"
    summary = caption_images([folder], StubCaptioner(), output, options=options)
    lines = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert len({line["image"] for line in lines}) == len(lines), "an image has two lines"
    return summary, {line["image"]: line for line in lines}


def test_a_changed_image_gets_a_new_line_and_all_others_keep_theirs(folder):
    _, before = caption(folder)
    draw(folder / "3.png", 77, size=9)
    summary, after = caption(folder)
    assert (summary.changed, summary.done, summary.before) == (1, 1, 10)
    assert after.pop("3.png") != before.pop("3.png") and after == before
    summary, again = caption(folder)
    assert (summary.changed, summary.done) == (0, 0), "it was captioned a third time"
    assert again["3.png"] != before.get("3.png")


def test_a_file_of_the_same_size_is_known_by_its_time(folder):
    caption(folder)
    status = os.stat(folder / "3.png")
    os.utime(folder / "3.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000))
    assert caption(folder)[0].changed == 1


def test_a_file_that_could_not_be_read_is_tried_again_once_it_is_whole(folder):
    _, before = caption(folder)
    assert "error" in before["half.jpg"]
    draw(folder / "half.jpg", 5)
    summary, after = caption(folder)
    assert "caption" in after["half.jpg"] and summary.faults == 0


def test_a_file_that_was_too_large_is_tried_again_with_other_limits(folder):
    _, before = caption(folder, limits=ImageLimits(max_pixels=10))
    assert all("too large" in line["error"] for name, line in before.items() if name != "half.jpg")
    summary, after = caption(folder)
    assert summary.changed == 11 and summary.done == 10 and "error" in after["half.jpg"]


def test_what_vanished_keeps_its_line_and_a_link_that_leads_nowhere_too(folder):
    (folder / "link.png").symlink_to("3.png")
    _, before = caption(folder)
    (folder / "3.png").unlink()
    summary, after = caption(folder)
    assert summary.changed == 0 and after == before
    draw(folder / "3.png", 3, size=10)  # back again, and another
    assert caption(folder)[0].changed == 2


def test_a_link_that_led_nowhere_is_captioned_once_its_file_is_there(folder):
    (folder / "link.png").symlink_to("later.png")
    assert caption(folder)[1]["link.png"]["error"] == "there is no such file"
    draw(folder / "later.png", 8)
    assert "caption" in caption(folder)[1]["link.png"]


def test_without_the_notes_files_count_as_unchanged_and_are_noted_anew(folder):
    caption(folder)
    stamps = folder.parent / "c.jsonl.stamps"
    stamps.unlink()
    draw(folder / "3.png", 77, size=9)
    assert caption(folder)[0].changed == 0, "nobody could know"
    draw(folder / "4.png", 78, size=9)
    assert caption(folder)[0].changed == 1
    stamps.write_bytes(stamps.read_bytes()[:-5] + b"\xff\xff\xff")  # damaged: at worst too much is done
    caption(folder)


def test_a_kill_while_lines_are_taken_out_loses_nothing(folder, monkeypatch):
    from captioner import files as disk

    _, before = caption(folder)
    draw(folder / "3.png", 77, size=9)

    class Killed(BaseException):
        pass

    def stopped(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "replace", stopped)
        with pytest.raises(Killed):
            caption(folder)
    lines = (folder.parent / "c.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["image"] for line in lines} == set(before)
    assert caption(folder)[0].changed == 1


def test_the_table_is_made_anew(folder):
    output = folder.parent / "c.csv"
    caption_images([folder], StubCaptioner(), output, options=OPTIONS)
    before = output.read_text("utf-8").splitlines()
    draw(folder / "3.png", 77, size=9)
    caption_images([folder], StubCaptioner(), output, options=OPTIONS)
    after = output.read_text("utf-8").splitlines()
    assert len(after) == len(before) and len(set(before) - set(after)) == 1


@pytest.mark.parametrize("seconds", [9_300_000_000, 13_000_000_000])
def test_times_after_2262_are_times(folder, seconds):
    """Wrong if one file with a wrong date, as broken clocks write them, stops the whole folder."""
    os.utime(folder / "3.png", (seconds, seconds))
    assert caption(folder)[0].done == 10
    summary, lines = caption(folder)
    assert (summary.done, summary.changed) == (0, 0) and len(lines) == 11
    os.utime(folder / "3.png", (seconds + 1, seconds + 1))
    assert caption(folder)[0].changed == 1


def test_fingerprints_of_ordinary_times_are_what_they_were(tmp_path):
    """Wrong if a new version captions every folder again."""
    from pipelines.inference.jobs.file_fingerprints import _packed

    assert _packed(5, 10**18) + _packed(-1) == struct.pack("<qqq", 5, 10**18, -1)
