"""Clips of moving shapes: what is drawn and said of them, and that a single frame gives nothing away."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.images.clips import ClipSpec, decode_clip
from pipelines.data.datasets import clips, read_dataset
from pipelines.data.synthetic.clips import (
    MOST,
    STEPS,
    check_caption,
    draw_clip,
    read_direction,
    read_moving,
    sample_clip,
    save_frames,
    write_captions,
)
from pipelines.evaluation.data_metrics import ClipTruth
from pipelines.evaluation.metrics import data_metrics

SIZES = {"train": 6, "dev": 2, "test": 2}


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_drawn_and_read_again(tmp_path):
    """The same settings give the same bytes, and what is on the disk is what was drawn."""
    for name in ("one", "other"):
        clips.draw(tmp_path / name, seed=1, sizes=SIZES)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    data = read_dataset(tmp_path / "one")
    assert data.name == "clips" and data.splits() == SIZES and not data.problems
    truth = clips.read_clips(data.root)
    for example in data.examples:
        frames = decode_clip(example.image, ClipSpec(64, 64, "raw", MOST))
        np.testing.assert_array_equal(frames, draw_clip(truth[example.id]))
        assert Image.open(example.image).n_frames == len(frames) == truth[example.id].frames
        assert len(set(example.captions)) == 3
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")}
    clips.draw(tmp_path / "one", seed=1, sizes=SIZES)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")} == before
    clips.draw(tmp_path / "one", seed=2, sizes={"test": 3})
    assert len(list((tmp_path / "one" / "images").iterdir())) == 3
    with pytest.raises(UserError, match="already holds something else"):
        clips.draw(tmp_path, sizes=SIZES)
    with pytest.raises(UserError, match="Their splits are: train, dev, test"):
        clips.draw(tmp_path / "new", sizes={"novel": 1})


def test_all_that_is_written_is_true():
    directions = Counter()
    for number in range(300):
        clip = sample_clip(Random(f"t/{number}"))
        directions[clip.direction] += 1
        for caption in write_captions(Random(number), clip):
            assert check_caption(caption, clip) == (True, True), caption
    assert set(directions) == set(STEPS) and min(directions.values()) > 50


def test_what_moves_moves_as_it_is_said():
    for number in range(40):
        clip = sample_clip(Random(f"m/{number}"))
        across, down = STEPS[clip.direction]
        for before, after in zip(list(clip.scenes())[:-1], list(clip.scenes())[1:], strict=True):
            moved, still = before.things[-1], before.things[:-1]
            assert (after.things[-1].x - moved.x, after.things[-1].y - moved.y) == (
                across * clip.speed,
                down * clip.speed,
            )
            assert after.things[:-1] == still
            assert all(10 <= at <= 54 for thing in after.things for at in (thing.x, thing.y)), "it leaves the picture"
            for other in still:
                assert max(abs(other.x - moved.x), abs(other.y - moved.y)) > 14, "they touch"


def test_the_middle_frame_tells_nothing():
    """Wrong if one frame gave the direction away: the comparison with one frame would then prove nothing."""
    first = sample_clip(Random("x"))
    middles = set()
    for direction in STEPS:
        turned = type(first)(**{**vars(first), "direction": direction})
        middles.add(draw_clip(turned)[turned.frames // 2].tobytes())
    assert len(middles) == 1
    places = {name: [] for name in STEPS}
    for number in range(4000):
        clip = sample_clip(Random(f"p/{number}"))
        places[clip.direction].append((clip.moving.x, clip.moving.y))
    all_of_them = np.std(np.concatenate(list(places.values())), axis=0)
    for found in places.values():
        assert np.abs(np.mean(found, axis=0) - 32).max() < 1
        assert np.abs(np.std(found, axis=0) - all_of_them).max() < 0.6


@pytest.mark.parametrize(
    ("caption", "direction", "moving"),
    [
        ("a red disc is moving to the left", "left", ("red", "circle")),
        ("a blue star stands still and a pink plus moves upwards", "up", ("pink", "cross")),
        ("a red circle moves left and right", None, ("red", "circle")),
        ("a red circle stands still", None, None),
        ("moves down a red", "down", None),
        ("", None, None),
    ],
)
def test_what_a_caption_says(caption, direction, moving):
    assert read_direction(caption) == direction and read_moving(caption) == moving


def test_truth_is_a_share():
    clip = sample_clip(Random("y"))
    right = write_captions(Random(0), clip, 1)[0]
    rows = ClipTruth().rows([right, "a red circle"], [clip, clip])
    assert ClipTruth.combine(rows) == {"direction_right": 0.5, "moving_right": 0.5}


def test_captions_of_unknown_clips_are_refused(tmp_path):
    clips.draw(tmp_path, sizes={"test": 2}, image_size=32)
    with pytest.raises(UserError, match="not known what the image shows"):
        data_metrics(clips.read(tmp_path), "test", {"c": "a red circle"})


def test_too_many_colours_are_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3)).astype("uint8")
    with pytest.raises(ValueError, match="at most 256 colours"):
        save_frames(noise, tmp_path / "x.gif")
