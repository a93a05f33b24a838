"""Captions of shapes as sequences of words."""

from functools import lru_cache
from random import Random

from pipelines.data.synthetic.captions import write_caption
from pipelines.data.synthetic.scenes import Scene, sample_scene

SCENES = 4000  # to write about: placing things takes ten times as long as writing


def draw_caption(random: Random) -> str:
    """A caption of a random scene, in words and blanks alone."""
    caption = write_caption(random, _scene(random.randrange(SCENES)))
    return " ".join(caption.replace(",", " ").replace(":", " ").split())


@lru_cache(maxsize=SCENES)
def _scene(number: int) -> Scene:
    """Scenes of several things, most of them, since one thing has no relation to another."""
    random = Random(f"sequence/scene/{number}")
    scene = sample_scene(random)
    return scene if len(scene.things) > 1 or number % 8 == 0 else _scene_of_several(random)


def _scene_of_several(random: Random) -> Scene:
    while True:
        scene = sample_scene(random)
        if len(scene.things) > 1:
            return scene
