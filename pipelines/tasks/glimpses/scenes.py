"""Cluttered scenes: one whole shape somewhere among fragments of others; the label is its shape.

Fragments are small squares cut out of shapes of the same size and colours, so that neither a colour nor an edge gives
the whole one away. It lies on top, anywhere in the picture.
"""

from collections.abc import Iterable
from random import Random

import numpy as np
import tensorflow as tf
from PIL import Image

from pipelines.data.synthetic.drawing import PAINTS, stencil
from pipelines.data.synthetic.scenes import SHAPES
from pipelines.data.synthetic.words import COLOURS

LABELS = SHAPES
SIZE = 64  # pixels each way
RADIUS, EDGE = 5, 2
FRAGMENT = 4  # pixels each way
FEWEST, MOST = 5, 9  # fragments


def sample_scene(random: Random, size: int = SIZE) -> tuple[np.ndarray, str]:
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
    _paste(picture, mask, random, [position - mask.width // 2 for position in middle])
    return np.asarray(picture), whole


def _shape(random: Random, name: str) -> Image.Image:
    return stencil(name, RADIUS, random.randrange(-2, 3), SIZE)


def _paste(picture: Image.Image, mask: Image.Image, random: Random, corner: list[int]) -> None:
    shade = random.randrange(-10, 11)
    colour = tuple(min(max(channel + shade, 0), 255) for channel in PAINTS[random.choice(COLOURS)])
    picture.paste(colour, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)


def sample_scenes(seed: int, split: str, numbers: Iterable[int], size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Some scenes of a split: pixels uint8 `(N, size, size, 3)` and labels int32 `(N,)`, numbers of `LABELS`.

    Each scene has a random stream of its own, named by seed, split and number.
    """
    scenes = [sample_scene(Random(f"cluttered/{seed}/{split}/{number}"), size) for number in numbers]
    labels = np.array([LABELS.index(label) for _, label in scenes], "int32")
    return np.stack([pixels for pixels, _ in scenes]), labels


class SceneBatches:
    """Training scenes, sampled when they are needed and new in each epoch.

    The scenes of a batch depend on the seed, the epoch and the step alone.

    Args:
        seed: of the scenes.
        count: scenes of an epoch; the last batch is full all the same.
        batch_size: int, B, a multiple of `times`.
        size: pixels each way.
        times: rows of each scene in its batch, side by side.
    """

    def __init__(self, seed: int, count: int, batch_size: int, size: int = SIZE, times: int = 1):
        self.seed, self.batch_size, self.size, self.times = seed, batch_size, size, times
        self.scenes = batch_size // times
        self.steps = -(-count // self.scenes)

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches `({"image": uint8 (B, H, W, 3), "label": (B,)}, labels (B,))` of an epoch from `skip` on."""

        def read(step):
            first = (epoch * self.steps + int(step)) * self.scenes
            pixels, labels = sample_scenes(self.seed, "train", range(first, first + self.scenes), self.size)
            return pixels.repeat(self.times, axis=0), labels.repeat(self.times)

        def load(step):
            images, labels = tf.numpy_function(read, [step], (tf.uint8, tf.int32), stateful=False)
            images.set_shape((self.batch_size, self.size, self.size, 3))
            labels.set_shape((self.batch_size,))
            return {"image": images, "label": labels}, labels

        steps = tf.data.Dataset.range(skip, self.steps)
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
