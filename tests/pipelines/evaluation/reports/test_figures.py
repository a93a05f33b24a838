"""Pictures: upright and whole, and where a decoder looked, with a scale."""

import os

import numpy as np
import pytest
from PIL import Image

from pipelines.evaluation.reports.figures import (
    attention_overlay,
    attention_scale,
    attention_sheet,
    picture_of,
    scale_colours,
    small_pictures,
    thumbnail,
)
from pipelines.evaluation.results import DECISIVE, INDECISIVE, AttentionMaps


def test_a_pipe_among_the_images_stops_nothing(tmp_path):
    """Wrong if a report waits for ever for a file that never comes."""
    os.mkfifo(tmp_path / "pipe.jpg")
    assert thumbnail(tmp_path / "pipe.jpg", 50) is None


def test_a_picture_is_upright_and_keeps_its_shape(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "turned.jpg", exif=exif)
    assert thumbnail(tmp_path / "turned.jpg", 50).size == (25, 50)
    assert thumbnail(tmp_path / "gone.jpg", 50) is None


def test_the_more_pictures_a_table_has_the_smaller_they_are(tmp_path):
    """Wrong if a page of two thousand images cannot be sent, or twelve pictures are too small to enlarge."""
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)  # the worst case: it hardly compresses
    Image.fromarray(noise).save(tmp_path / "noise.png")
    few = sum(map(len, small_pictures([tmp_path / "noise.png"] * 12))) / 12
    many = next(small_pictures([tmp_path / "noise.png"] * 2000))
    assert len(many) * 2000 < 30e6 and few > 4 * len(many)
    assert list(small_pictures([None, tmp_path / "gone.png"])) == ["", ""]


def test_a_picture_of_a_file_has_its_own_shape_and_not_that_of_the_network(tmp_path):
    Image.new("RGB", (300, 100), "red").save(tmp_path / "wide.png")
    seen = np.zeros((64, 64, 3), np.uint8)
    assert picture_of(tmp_path / "wide.png", seen, 150).size == (150, 50)
    assert picture_of(tmp_path / "gone.png", seen, 150).size == (64, 64)
    clip = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (0, 100, 200)])
    assert picture_of(tmp_path / "wide.png", clip, 150).getpixel((0, 0)) == (100, 100, 100), "the middle of a clip"


def test_attention_glows_where_the_decoder_looked_on_dark_and_on_light_pictures():
    """On a black picture a map that only darkened would show nothing."""
    for colour in ("black", "white"):
        seen = np.asarray(attention_overlay(Image.new("RGB", (80, 80), colour), np.array([0, 1, 0, 0.0]), (2, 2)), int)
        warm = seen[..., 0] - seen[..., 2]  # red without blue
        assert warm[5, 75] > 60 > 20 > abs(warm[75, 5]), "the wrong corner glows"
        assert seen[75, 5].max() < 150, "the rest is darkened"


def test_maps_of_one_picture_share_a_scale():
    """Scaled one by one, a word that looked everywhere alike would glow like one that looked at one place."""
    picture = Image.new("RGB", (40, 40), "gray")
    maps = AttentionMaps(("a", "dog"), np.array([[0.25] * 4, [0.85, 0.05, 0.05, 0.05]]), (2, 2))
    scale = attention_scale(maps)
    assert scale.most == 0.85 and scale.text == "85 %" and scale.even == pytest.approx((0.25 / 0.85) ** 0.5)
    assert "one of 4 positions" in scale.meaning and "25 %" in scale.meaning
    evenly, sharply = (np.asarray(attention_overlay(picture, weights, (2, 2), scale.most)) for weights in maps.weights)
    assert np.ptp(evenly[..., 0]) <= 1 and sharply[5, 5, 0] > evenly[5, 5, 0] + 50


def test_what_an_answer_hangs_on_is_no_share_of_attention():
    scale = attention_scale(AttentionMaps((DECISIVE,), np.array([[0, 0.31, 0, 0]]), (2, 2)))
    assert scale.text == "31" and scale.even is None and "probability" in scale.meaning
    assert attention_scale(AttentionMaps((INDECISIVE,), np.zeros((1, 4)), (2, 2))) is None


def test_the_scale_begins_grey_and_glows_at_its_end():
    first, *_, last = scale_colours(9)
    assert len(set(first)) == 1 and last[0] > 150 and last[0] - last[2] > 60
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in scale_colours(9)[1:]]
    assert light == sorted(light)


def test_a_sheet_shows_the_picture_whole_a_tile_a_word_and_the_scale():
    maps = AttentionMaps(("ein", "犬", "x" * 99) * 3, np.full((9, 4), 0.25), (2, 2))
    wide = attention_sheet(Image.new("RGB", (400, 100), "red"), maps)
    tall = attention_sheet(Image.new("RGB", (100, 400), "red"), maps)
    assert wide.width > 6 * 224 and wide.height < 2 * (56 + 24) + 60, "two rows of flat tiles and the scale"
    assert tall.height > 2 * 224 and tall.width < wide.width
    titled = attention_sheet(Image.new("RGB", (100, 100)), maps, ("what is it?", "a dog"))
    assert titled.height > attention_sheet(Image.new("RGB", (100, 100)), maps).height
    colours = {colour for _, colour in wide.getcolors(1 << 20)}
    assert scale_colours(120)[90] in colours
