"""A shape that moves, and the direction in which it moves in each frame.

It goes straight for a few frames, stands still or turns, and turns round before it leaves the picture. Now and then it
is hidden for one to three frames: the picture is empty, and the shape goes on as it went before. So neither a single
frame nor two in a row always tell the direction; one has to remember.

The label of a frame is the step that led to it: `left`, `right`, `up`, `down` or `still`. The first is `still`.
"""

from random import Random

import numpy as np
from PIL import Image

from pipelines.data.synthetic.drawing import draw_scene
from pipelines.data.synthetic.scenes import FRAME, SHAPES, Scene, Thing
from pipelines.data.synthetic.words import COLOURS
from pipelines.tasks.sequences.examples import SequenceExample

STEPS = {"still": (0, 0), "left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
LABELS = tuple(STEPS)
FRAMES, SIZE = 16, 24  # of a clip; pixels each way
SPEED, RADIUS, EDGE = 6, 8, 12  # in units of the scene's frame of 64: a step, half the shape, nearest to the edge


def make(random: Random) -> SequenceExample:
    """A clip uint8 `(16, 24, 24, 3)` and its 16 labels."""
    path = walk(random, FRAMES)
    shape, colour = random.choice(SHAPES), random.choice(COLOURS)
    grey = random.randrange(222, 246)
    frames = []
    for x, y, hidden, _ in path:
        things = () if hidden else (Thing(shape, colour, "small", x, y, RADIUS),)
        frames.append(np.asarray(draw_scene(Scene(things, (grey, grey, grey)), SIZE)))
    return SequenceExample(np.stack(frames), tuple(label for *_, label in path))


def walk(random: Random, frames: int) -> list[tuple[int, int, bool, str]]:
    """`(x, y, hidden, label)` for each frame. Hidden ones follow a frame that is seen and in which something moved."""
    x, y = (random.randrange(EDGE, FRAME - EDGE + 1) for _ in range(2))
    path = [(x, y, False, "still")]
    label, left, hidden = random.choice(LABELS), random.randrange(2, 6), 0
    while len(path) < frames:
        free = [name for name in LABELS if _inside(x, y, name)]
        if hidden == 0 and (left == 0 or label not in free):
            label, left = random.choice([name for name in free if name != label]), random.randrange(2, 6)
        elif hidden == 0 and path[-1][3] == label != "still" and random.randrange(5) == 0:
            hidden = _room(x, y, label, random.randrange(1, 4))
            left = max(left, hidden + 1)
        across, down = STEPS[label]
        x, y, left = x + SPEED * across, y + SPEED * down, left - 1
        path.append((x, y, hidden > 0, label))
        hidden = max(hidden - 1, 0)
    return path


def _inside(x: int, y: int, label: str, steps: int = 1) -> bool:
    across, down = STEPS[label]
    return all(EDGE <= position <= FRAME - EDGE for position in (x + steps * SPEED * across, y + steps * SPEED * down))


def _room(x: int, y: int, label: str, most: int) -> int:
    """The number of steps, `most` or fewer, that keep the shape in the picture."""
    return next(steps for steps in range(most, -1, -1) if _inside(x, y, label, steps))


def save_clip(frames: np.ndarray, file, scale: int = 1) -> None:
    """Writes frames `(T, H, W, 3)` as an animated GIF that shows each for a quarter of a second."""
    pictures = [Image.fromarray(frame.repeat(scale, axis=0).repeat(scale, axis=1)) for frame in frames]
    pictures[0].save(
        file, format="GIF", save_all=True, append_images=pictures[1:], duration=250, loop=0, optimize=False
    )
