"""Scenes: the same everywhere, nothing touches, and novel pairs are kept apart."""

import hashlib
import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from pipelines.data.synthetic.captions import write_captions
from pipelines.data.synthetic.drawing import contact_sheet, draw_scene
from pipelines.data.synthetic.questions import write_questions
from pipelines.data.synthetic.scenes import COLOURS, NOVEL_PAIRS, SHAPES, Scene, sample_scenes

SIZES = {"train": 600, "dev": 80, "test": 80, "novel": 80}
# Origin: the first drawing of world version 1 (seed 0). These may change only together with `DRAWING.version`.
GOLDEN_PIXELS = {
    "train 0": "015f0fb3034d1b39",
    "train 1": "a6bc9b179c887766",
    "train 99": "a5526e4a77dd9be7",
    "novel 0": "c434af7ed3c230ba",
    "novel 7": "384035b135362231",
}
GOLDEN_WORDS = "e68824deb5419576"


@pytest.fixture(scope="module")
def scenes():
    return list(sample_scenes(0, SIZES))


def of_split(scenes, *splits):
    return [scene for split, _, scene in scenes if split in splits]


def test_the_same_seed_gives_the_same_pixels_everywhere(scenes):
    """Otherwise figures on this data could not be compared between machines or versions."""
    drawn = {
        f"{split} {number}": hashlib.sha256(draw_scene(scene).tobytes()).hexdigest()[:16]
        for split, number, scene in scenes
    }
    assert {name: drawn[name] for name in GOLDEN_PIXELS} == GOLDEN_PIXELS


def test_the_same_seed_gives_the_same_words_everywhere(scenes):
    """As above, for captions and questions."""
    first = of_split(scenes, "train")[:50]
    captions = [write_captions(Random(f"captions/0/train/{i}"), scene) for i, scene in enumerate(first)]
    questions = [(question.text, question.answer) for asked in write_questions("0/train", first) for question in asked]
    words = hashlib.sha256(json.dumps([captions, questions]).encode()).hexdigest()[:16]
    assert words == GOLDEN_WORDS


def test_hash_order_does_not_matter():
    """A set or dict order that leaks into sampling would show only on somebody else's machine."""
    program = """
from random import Random
from pipelines.data.synthetic.captions import write_captions
from pipelines.data.synthetic.questions import write_questions
from pipelines.data.synthetic.scenes import sample_scenes
scenes = [scene for _, _, scene in sample_scenes(3, {"train": 40, "novel": 10})]
print(scenes, [write_captions(Random(i), scene) for i, scene in enumerate(scenes)])
print(list(write_questions("q", scenes)))
"""
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[4],
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_another_seed_gives_other_scenes(scenes):
    """Otherwise the seed is not used."""
    others = of_split(sample_scenes(1, {"train": 50}), "train")
    contents = {scene.content() for scene in of_split(scenes, "train")[:50]}
    assert not contents & {scene.content() for scene in others}


def test_splits_share_no_scene(scenes):
    """A test scene that was trained on measures memory."""
    contents = [scene.content() for _, _, scene in scenes]
    assert len(set(contents)) == len(contents) == sum(SIZES.values())


def test_a_larger_training_split_begins_with_the_smaller_one(scenes):
    """Otherwise more data would also be other data."""
    fewer = of_split(sample_scenes(0, {"train": 30}), "train")
    assert of_split(scenes, "train")[:30] == fewer


def test_novel_pairs_are_in_the_novel_split_only(scenes):
    """The split 'novel' measures composition only if its pairs were never seen."""
    seen = of_split(scenes, "train", "dev", "test")
    assert not any(scene.novel_pairs for scene in seen)
    assert all(len(scene.novel_pairs) == 1 for scene in of_split(scenes, "novel"))
    assert {scene.novel_pairs[0] for scene in of_split(scenes, "novel")} == set(NOVEL_PAIRS)


def test_every_colour_shape_and_seen_pair_occurs_in_training(scenes):
    """A colour or shape never shown could not be named in a new pair either."""
    pairs = {thing.pair for scene in of_split(scenes, "train") for thing in scene.things}
    assert len(NOVEL_PAIRS) >= 6
    assert len(pairs) == len(COLOURS) * len(SHAPES) - len(NOVEL_PAIRS)


def test_one_to_four_things(scenes):
    """All of the four numbers must be common, or counting cannot be learned."""
    numbers = [len(scene.things) for _, _, scene in scenes]
    assert all(numbers.count(number) > len(numbers) / 10 for number in (1, 2, 3, 4))
    assert set(numbers) == {1, 2, 3, 4}


def test_things_neither_touch_each_other_nor_the_edge(scenes):
    """Overlapping things would hide the shape that the caption names."""
    for _, _, scene in scenes[:200]:
        alone = [painted(Scene((thing,), scene.background)) for thing in scene.things]
        assert not any((one & other).any() for one, other in combinations(alone, 2)), scene
        assert not any(mask[edge].any() for mask in alone for edge in (0, -1)), scene
        assert not any(mask[:, edge].any() for mask in alone for edge in (0, -1)), scene


def test_every_thing_is_drawn_in_its_colour(scenes):
    """A thing drawn over, left out or in the wrong place would make its caption false."""
    for _, _, scene in scenes[:200]:
        together = painted(scene)
        alone = sum(painted(Scene((thing,), scene.background)).sum() for thing in scene.things)
        assert together.sum() == alone


def test_large_things_are_much_larger_than_small_ones(scenes):
    """If their areas came near each other, "small" would not be clear."""
    areas = {}
    for _, _, scene in scenes[:300]:
        for thing in scene.things:
            areas[thing.size, thing.shape] = painted(Scene((thing,), scene.background)).sum()
    for shape in SHAPES:
        assert areas["large", shape] > 1.7 * areas["small", shape]


@pytest.mark.parametrize("size", [32, 64, 96, 128])
def test_a_scene_can_be_drawn_at_other_sizes(scenes, size):
    """The place of a thing must scale with the picture, or captions are true at one size only."""
    for _, _, scene in scenes[:20]:
        assert draw_scene(scene, size).size == (size, size)
        coarse, expected = (
            np.asarray(draw_scene(scene, pixels).resize((16, 16), Image.Resampling.BOX), dtype=float)
            for pixels in (size, 64)
        )
        assert abs(coarse - expected).mean() < 8  # another scene differs by some 30


def test_a_scene_survives_its_record(scenes):
    """Faithfulness is checked against scenes read from disk."""
    for _, _, scene in scenes[:20]:
        assert Scene.from_record(json.loads(json.dumps(scene.record()))) == scene


def test_the_contact_sheet_shows_all(scenes):
    """The README's picture is made with it."""
    sheet = contact_sheet(of_split(scenes, "novel")[:5], ["a red heart"] * 5, columns=3, size=64)
    assert sheet.size == (3 * 72 + 8, 2 * (64 + 44 + 8) + 8)


def painted(scene):
    """Which pixels differ from the background."""
    return (np.asarray(draw_scene(scene)) != np.asarray(scene.background)).any(axis=2)
