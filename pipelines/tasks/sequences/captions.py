"""Captions of shapes as sequences of words."""

from functools import lru_cache
from random import Random

from pipelines.data.synthetic.captions import write_caption
from pipelines.data.synthetic.scenes import Scene, sample_scene

SCENES = 4000  # to write about: placing things takes ten times as long as writing


def sample_caption(random: Random) -> str:
    """A caption of a random scene, in words and blanks alone."""
    caption = write_caption(random, _scene(random.randrange(SCENES)))
    return " ".join(caption.replace(",", " ").replace(":", " ").split())


@lru_cache(maxsize=SCENES)
def _scene(number: int) -> Scene:
    """A scene; seven of eight have several things, since one thing has no relation to another."""
    random = Random(f"sequence/scene/{number}")
    scene = sample_scene(random)
    while number % 8 and len(scene.things) < 2:
        scene = sample_scene(random)
    return scene
