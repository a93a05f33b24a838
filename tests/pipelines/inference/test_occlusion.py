"""Occlusion maps: what is hidden where, and that the answer's drop lands on what it hangs on."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.evaluation.results import DECISIVE, INDECISIVE
from pipelines.inference.explanations import maps_by_attention, maps_by_occlusion, occluded, occlusion_maps
from tests.pipelines.inference.stub_visual_qa import StubVisualQA


def test_every_pixel_is_hidden_and_every_place_by_its_own_patch():
    pixels = np.zeros((14, 21, 3), np.uint8)
    hidden = (occluded(pixels, (7, 7)) == 128).all(axis=-1)
    assert hidden.shape == (49, 14, 21) and hidden.any(axis=0).all(), "a pixel is never hidden"
    assert not hidden.all(axis=(1, 2)).any(), "a patch hides all"
    for place in range(49):
        row, column = divmod(place, 7)
        assert hidden[place, 2 * row + 1, 3 * column + 1], "the patch is not over its place"


@pytest.mark.parametrize("choices", [None, [["red", "two"]]])
def test_the_drop_lands_on_what_the_answer_hangs_on(choices):
    """The stub's answer hangs on the upper left quarter being dark; a grey patch makes it brighter."""
    model, pixels = StubVisualQA(dark=True), np.zeros((8, 8, 3), np.uint8)
    found = [[SimpleNamespace(text="red", probability=0.9)]]
    maps = occlusion_maps(model, pixels, ["what is it?"], found, choices=choices, grid=(4, 4), batch_size=5)
    drops = maps[0].reshape(4, 4)
    assert drops[0, 0] > 0.1 and drops[2:].max() < 0.4 * drops.max()
    assert drops[3].max() == 0 and drops[:, 3].max() == 0, "a patch far away changed the answer"
    assert np.unravel_index(drops.argmax(), drops.shape) in [(0, 0), (1, 1), (0, 1), (1, 0)]


def test_several_questions_about_an_image_hide_its_places_once():
    model, pixels = StubVisualQA(dark=True), np.zeros((8, 8, 3), np.uint8)
    found = [[SimpleNamespace(text="red", probability=0.9)]] * 2
    maps = occlusion_maps(model, pixels, ["what is it?", "how many?"], found, batch_size=16)
    assert maps.shape == (2, 49) and sum(model.encoded) == 50
    np.testing.assert_allclose(maps[0], maps[1])


def test_a_map_says_whether_any_place_matters():
    """Wrong if noise is stretched to a picture of something."""
    found = [[SimpleNamespace(text="red", probability=0.9)]]
    look = maps_by_occlusion(StubVisualQA(dark=True), np.zeros((8, 8, 3), np.uint8), ["what?"], found)[0]
    assert look.labels == (DECISIVE,) and look.weights.shape == (1, 49) and look.weights.max() > 0.1
    # No place of this image is darker than a grey patch.
    look = maps_by_occlusion(StubVisualQA(dark=True), np.full((8, 8, 3), 255, np.uint8), ["what?"], found)[0]
    assert look.labels == (INDECISIVE,) and not look.weights.any()


def test_attention_has_a_map_a_word_or_a_hop():
    questions = ["what is it?", "how many red ones?"]
    words = maps_by_attention(StubVisualQA("words"), np.zeros((1, 8, 8, 3)), questions, [0, 0])
    assert [one.labels for one in words] == [("what", "is", "it"), ("how", "many", "red", "ones")]
    assert [one.weights.shape for one in words] == [(3, 2, 2), (4, 2, 2)], "padding is shown as if it were looked at"
    hops = maps_by_attention(StubVisualQA("hops"), np.zeros((1, 8, 8, 3)), questions, [0, 0])
    assert {one.labels for one in hops} == {("hop 1", "hop 2")}
