"""Cluttered scenes: one whole shape somewhere among fragments of others; the label is its shape.

Fragments are small squares cut out of shapes of the same size and colours, so that neither a colour nor an edge gives
the whole one away. It lies on top, anywhere in the picture.
"""

from random import Random

import numpy as np
from PIL import Image

from pipelines.shapes.drawing import PAINTS, stencil
from pipelines.shapes.scenes import SHAPES
from pipelines.shapes.words import COLOURS

LABELS = SHAPES
SIZE = 64  # pixels each way
RADIUS, EDGE = 5, 2
FRAGMENT = 6  # pixels each way
FEWEST, MOST = 6, 10  # fragments


def draw(random: Random, size: int = SIZE) -> tuple[np.ndarray, str]:
    """A scene uint8 `(size, size, 3)` and the shape that is whole in it."""
    grey = random.randrange(222, 246)
    picture = Image.new("RGB", (size, size), (grey, grey, grey))
    for _ in range(random.randrange(FEWEST, MOST + 1)):
        mask = _shape(random, random.choice(SHAPES))
        left, top = (random.randrange(1, mask.width - FRAGMENT) for _ in range(2))
        piece = mask.crop((left, top, left + FRAGMENT, top + FRAGMENT))
        _paste(picture, piece, random, [random.randrange(size - FRAGMENT + 1) for _ in range(2)])
    whole = random.choice(SHAPES)
    middle = [random.randrange(RADIUS + EDGE, size - RADIUS - EDGE + 1) for _ in range(2)]
    mask = _shape(random, whole)
    _paste(picture, mask, random, [at - mask.width // 2 for at in middle])
    return np.asarray(picture), whole


def _shape(random: Random, name: str) -> Image.Image:
    return stencil(name, RADIUS, random.randrange(-2, 3), SIZE)


def _paste(picture: Image.Image, mask: Image.Image, random: Random, corner: list[int]) -> None:
    shade = random.randrange(-10, 11)
    colour = tuple(min(max(channel + shade, 0), 255) for channel in PAINTS[random.choice(COLOURS)])
    picture.paste(colour, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)


def generate(seed: int, sizes: dict[str, int], size: int = SIZE) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scenes of each split: pixels uint8 `(N, size, size, 3)` and labels int32 `(N,)`, numbers of `LABELS`.

    Each scene has a random stream of its own, named by seed, split and number: a larger split begins with the same
    scenes as a smaller one.
    """
    made = {}
    for split, count in sizes.items():
        drawn = [draw(Random(f"cluttered/{seed}/{split}/{number}"), size) for number in range(count)]
        labels = np.array([LABELS.index(label) for _, label in drawn], "int32")
        made[split] = np.stack([pixels for pixels, _ in drawn]), labels
    return made
