"""Clips: one thing moves, and now and then another stands still; captions say what moves, and in which direction.

The moving thing goes straight, left, right, up or down, a few units a frame. Where it is in the middle frame, and where
the other one stands, is drawn before the direction is: the middle frame alone tells nothing about it, so that whoever
sees only that one can but guess.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from random import Random

import numpy as np
from PIL import Image

from pipelines.data.synthetic.drawing import draw_scene
from pipelines.data.synthetic.scenes import FRAME, SHAPES, Scene, Thing, sample_different
from pipelines.data.synthetic.words import COLOURS, NOUNS, choose, different

STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
FEWEST, MOST = 6, 12  # frames of a clip
SPEEDS = (2, 3)  # units of the scene's frame of 64, a frame of the clip
RADIUS, EDGE, GAP = 7, 3, 3

DIRECTIONS = {
    "left": ("left", "to the left"),
    "right": ("right", "to the right"),
    "up": ("up", "upwards"),
    "down": ("down", "downwards"),
}
MOVES = ("moves", "is moving")
STAYS = "stands still"
_WORDS = {"left": "left", "right": "right", "up": "up", "upwards": "up", "down": "down", "downwards": "down"}
_NOUNS = {spelling: shape for shape, spellings in NOUNS.items() for spelling, _ in spellings}


@dataclasses.dataclass(frozen=True)
class Clip:
    """A thing that moves: where it is in the middle frame, which way it goes, how fast, and for how many frames.

    resting: what stands still, if anything does.
    """

    moving: Thing
    direction: str
    speed: int
    frames: int
    background: tuple[int, int, int]
    resting: Thing | None = None

    def scenes(self) -> Iterator[Scene]:
        """What each frame shows."""
        across, down = STEPS[self.direction]
        for number in range(self.frames):
            steps = (number - self.frames // 2) * self.speed
            moved = dataclasses.replace(self.moving, x=self.moving.x + across * steps, y=self.moving.y + down * steps)
            yield Scene((moved,) if self.resting is None else (self.resting, moved), self.background)

    def content(self) -> tuple:
        """What must differ for two clips to be different."""
        still = self.resting
        things = [(t.shape, t.colour, t.x, t.y) for t in (self.moving, still) if t is not None]
        return (*things, self.direction, self.speed, self.frames)

    def record(self) -> dict:
        """The clip as plain JSON values; `from_record` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: dict) -> "Clip":
        """Raises KeyError, TypeError or ValueError where `record` is not a clip."""
        names = [field.name for field in dataclasses.fields(cls)]
        values = {name: record[name] for name in names}
        values["moving"] = Thing(**record["moving"])
        values["resting"] = None if record["resting"] is None else Thing(**record["resting"])
        values["background"] = tuple(record["background"])
        if record["direction"] not in STEPS:
            raise ValueError(f"nothing moves {record['direction']} here")
        return cls(**values)


def sample_clip(random: Random) -> Clip:
    """One clip. The direction is drawn last, and nothing else depends on it."""
    frames, speed = random.randrange(FEWEST, MOST + 1), random.choice(SPEEDS)
    reach = RADIUS + EDGE + speed * (frames // 2)
    x, y = (random.randrange(reach, FRAME - reach + 1) for _ in range(2))
    first = (random.choice(COLOURS), random.choice(SHAPES))
    resting = None
    if random.randrange(3) == 0:
        second = first
        while second == first:
            second = (random.choice(COLOURS), random.choice(SHAPES))
        # In a corner, out of the way of all four directions: where it stands must not tell which one it is.
        at_x, at_y = _beside(random, x), _beside(random, y)
        resting = Thing(second[1], second[0], "small", at_x, at_y, RADIUS, shade=random.randrange(-10, 11))
    moving = Thing(first[1], first[0], "small", x, y, RADIUS, random.randrange(-2, 3), random.randrange(-10, 11))
    grey = random.randrange(222, 246)
    return Clip(moving, random.choice(tuple(STEPS)), speed, frames, (grey, grey, grey), resting)


def _beside(random: Random, middle: int) -> int:
    """A place whose things stay clear of the lane through `middle`."""
    low, high, away = RADIUS + EDGE, FRAME - RADIUS - EDGE, 2 * RADIUS + GAP
    return random.choice([at for at in range(low, high + 1) if abs(at - middle) >= away])


def sample_clips(seed: int, sizes: Mapping[str, int]) -> Iterator[tuple[str, int, Clip]]:
    """Yields `(split, number, clip)`, all clips different, each with a random stream of its own."""
    return sample_different(f"clip/{seed}", sizes, lambda random, split: sample_clip(random))


def draw_clip(clip: Clip, size: int = 64) -> np.ndarray:
    """The frames of a clip, uint8 `(T, size, size, 3)`."""
    return np.stack([np.asarray(draw_scene(scene, size)) for scene in clip.scenes()])


def save_frames(frames: np.ndarray, file) -> None:
    """Writes frames `(T, H, W, 3)` as an animated GIF without loss: its palette has just the colours that there are.

    Raises:
        ValueError: there are more than 256.
    """
    flat = frames.reshape(-1, 3).astype(np.uint32)
    colours, indices = np.unique(flat @ np.array([65536, 256, 1], np.uint32), return_inverse=True)
    if len(colours) > 256:
        raise ValueError(f"A GIF has at most 256 colours, but these frames have {len(colours)}.")
    palette = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1).astype(np.uint8)
    pictures = []
    for frame in indices.reshape(frames.shape[:-1]).astype(np.uint8):
        pictures.append(Image.fromarray(frame))
        pictures[-1].putpalette(palette.tobytes())
    pictures[0].save(
        file, format="GIF", save_all=True, append_images=pictures[1:], duration=150, loop=0, optimize=False, disposal=1
    )


def write_captions(random: Random, clip: Clip, count: int = 3) -> tuple[str, ...]:
    """Different captions of a clip."""
    return different(count, lambda: _caption(random, clip))


def _caption(random: Random, clip: Clip) -> str:
    moves = f"{_name(clip.moving)} {choose(random, MOVES)} {choose(random, DIRECTIONS[clip.direction])}"
    if clip.resting is None:
        return moves
    return f"{moves} {'while' if random.randrange(4) == 0 else 'and'} {_name(clip.resting)} {STAYS}"


def _name(thing: Thing) -> str:
    return f"{'an' if thing.colour[0] in 'aeiou' else 'a'} {thing.colour} {NOUNS[thing.shape][0][0]}"


def read_direction(caption: str) -> str | None:
    """The direction that a caption names, or None if it names none, or several."""
    directions = {_WORDS[word] for word in re.findall(r"[a-z]+", caption.lower()) if word in _WORDS}
    return directions.pop() if len(directions) == 1 else None


def read_moving(caption: str) -> tuple[str, str] | None:
    """`(colour, shape)` of what a caption says to move, or None."""
    match = re.search(rf"\b({'|'.join(COLOURS)}) ([a-z]+) (?:{'|'.join(MOVES)})\b", caption.lower())
    return (match[1], _NOUNS[match[2]]) if match and match[2] in _NOUNS else None


def check_caption(caption: str, clip: Clip) -> tuple[bool, bool]:
    """Whether it names the right direction, and whether it names what moves by colour and shape."""
    return read_direction(caption) == clip.direction, read_moving(caption) == clip.moving.pair
