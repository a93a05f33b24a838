"""Scenes: one to four things with shape, colour, size and position, sampled from a seed.

Everything is drawn as whole numbers from `random.Random`, seeded with a string (hashed with SHA-512),
and only with `randrange`, `choice` and `shuffle`: the same seed gives the same scene on every platform,
whatever the hash seed. Positions are on a frame of 64 x 64, whatever the size of the picture.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any

from pipelines.data.synthetic.words import COLOURS, NOUNS

FRAME = 64
SHAPES = tuple(NOUNS)
SIZES = ("small", "large")
RADII = {"small": (7,), "large": (11, 12)}  # small and large never come near each other

# Never drawn in train, dev or test, though each of these colours and shapes is there with others.
NOVEL_PAIRS = (
    ("red", "heart"),
    ("yellow", "star"),
    ("green", "triangle"),
    ("blue", "ring"),
    ("purple", "square"),
    ("black", "cross"),
)
SEEN_PAIRS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in NOVEL_PAIRS)
NOVEL_SPLIT = "novel"

_GAP, _EDGE = 4, 3  # free pixels between the boxes of two things, and before the edge
_HOW_MANY = (1,) * 5 + (2,) * 7 + (3,) * 5 + (4,) * 3


@dataclasses.dataclass(frozen=True)
class Thing:
    """One drawn object. `x`, `y` (its middle) and `radius` are in units of the frame; `turn` counts notches
    of 5 degrees; `shade` is added to each channel of the colour."""

    shape: str
    colour: str
    size: str
    x: int
    y: int
    radius: int
    turn: int = 0
    shade: int = 0

    @property
    def pair(self) -> tuple[str, str]:
        return self.colour, self.shape


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a picture shows: `things`, in no particular order, on a light `background` (red, green, blue)."""

    things: tuple[Thing, ...]
    background: tuple[int, int, int]

    @property
    def novel_pairs(self) -> tuple[tuple[str, str], ...]:
        """The colour-shape pairs in this scene that training never shows."""
        return tuple(thing.pair for thing in self.things if thing.pair in NOVEL_PAIRS)

    def content(self) -> tuple:
        """What must differ for two scenes to be different: what is where, not the shades."""
        return tuple(sorted((t.shape, t.colour, t.size, t.x, t.y) for t in self.things))

    def record(self) -> dict:
        """The scene as plain JSON values; `Scene.from_record` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: dict) -> "Scene":
        """Raises KeyError, TypeError or ValueError where `record` is not a scene."""
        things = tuple(Thing(**thing) for thing in record["things"])
        for thing in things:
            if thing.shape not in SHAPES or thing.colour not in COLOURS or thing.size not in SIZES:
                raise ValueError(f"no such thing is drawn here: {thing.size} {thing.colour} {thing.shape}")
        return cls(things, tuple(record["background"]))


def sample_scenes(seed: int, sizes: Mapping[str, int]) -> Iterator[tuple[str, int, Scene]]:
    """Yields `(split, number, scene)`, all scenes different, within a split and across splits."""
    return sample_different(
        f"scene/{seed}", sizes, lambda random, split: sample_scene(random, novel=split == NOVEL_SPLIT)
    )


def sample_different(stream: str, sizes: Mapping[str, int], sample: Callable[[Random, str], Any]) -> Iterator[tuple]:
    """Yields `(split, number, sample(random, split))`; what the samples' `content()` says is never there twice.

    Each has a random stream of its own, named by `stream`, split and number, so a larger training split begins with the
    same scenes as a smaller one.
    """
    taken = set()
    for split, size in sizes.items():
        for number in range(size):
            attempt = 0
            while (scene := sample(Random(f"{stream}/{split}/{number}/{attempt}"), split)).content() in taken:
                attempt += 1
            taken.add(scene.content())
            yield split, number, scene


def sample_scene(random: Random, novel: bool = False) -> Scene:
    """One scene of seen pairs; with `novel`, exactly one thing of it has a pair training never shows."""
    pairs = _sample_pairs(random, random.choice(_HOW_MANY), novel)
    sizes = [random.choice(SIZES) for _ in pairs]
    for i, pair in enumerate(pairs):
        if pair in pairs[:i] and random.randrange(4):  # twins mostly have one size: "two large red circles"
            sizes[i] = sizes[pairs.index(pair)]
    radii = [random.choice(RADII[size]) for size in sizes]
    things = [
        Thing(shape, colour, size, x, y, radius, turn=random.randrange(-2, 3), shade=random.randrange(-10, 11))
        for (colour, shape), size, radius, (x, y) in zip(pairs, sizes, radii, _positions(random, radii), strict=True)
    ]
    random.shuffle(things)
    grey = random.randrange(222, 246)
    return Scene(tuple(things), tuple(grey + random.randrange(-5, 6) for _ in range(3)))


def _sample_pairs(random: Random, how_many: int, novel: bool) -> list[tuple[str, str]]:
    """Colours and shapes; later things often share something with the first, else counting is dull."""
    pairs = [random.choice(NOVEL_PAIRS)] if novel else []
    seen: list[tuple[str, str]] = []
    while len(pairs) < how_many:
        candidates: Iterable = SEEN_PAIRS
        share = random.randrange(20)
        if seen and share < 5:
            candidates = seen[:1]
        elif seen and share < 8:
            candidates = [pair for pair in SEEN_PAIRS if pair[0] == seen[0][0]]
        elif seen and share < 11:
            candidates = [pair for pair in SEEN_PAIRS if pair[1] == seen[0][1]]
        seen.append(random.choice(tuple(candidates)))
        pairs.append(seen[-1])
    return pairs


def _positions(random: Random, radii: list[int]) -> list[tuple[int, int]]:
    """Middles of things of these radii: inside the frame, apart, every second one in line with another.

    Half of all threes that fit stand in one row or column, so that one is between the others.
    """
    slack = FRAME - 2 * _EDGE - sum(2 * radius for radius in radii) - 2 * _GAP
    if len(radii) == 3 and slack >= 0 and random.randrange(2):
        return _in_line(random, radii, slack)
    while True:  # four large things fit, but not after every start
        positions: list[tuple[int, int]] = []
        for radius in radii:
            for _ in range(30):
                x, y = _candidate(random, radius, positions)
                if all(
                    max(abs(x - other_x), abs(y - other_y)) >= radius + other + _GAP
                    for (other_x, other_y), other in zip(positions, radii, strict=False)
                ):
                    positions.append((x, y))
                    break
            else:
                break
        if len(positions) == len(radii):
            return positions


def _in_line(random: Random, radii: list[int], slack: int) -> list[tuple[int, int]]:
    """Three positions one after another, `slack` shared out before them."""
    cuts = sorted(random.randrange(slack + 1) for _ in radii)
    line = random.randrange(FRAME // 4, FRAME - FRAME // 4)
    is_row = random.randrange(2)
    positions, end = [], _EDGE
    for i, radius in enumerate(radii):
        along = end + cuts[i] + radius
        end += 2 * radius + _GAP
        off = line + random.randrange(-3, 4)
        off = min(max(off, radius + _EDGE), FRAME - radius - _EDGE)
        positions.append((along, off) if is_row else (off, along))
    return positions


def _candidate(random: Random, radius: int, positions: list[tuple[int, int]]) -> tuple[int, int]:
    low, high = radius + _EDGE, FRAME - radius - _EDGE
    x, y = random.randrange(low, high + 1), random.randrange(low, high + 1)
    if positions and random.randrange(2):
        anchor_x, anchor_y = random.choice(positions)
        wobble = random.randrange(-3, 4)
        if random.randrange(2):
            x = min(max(anchor_x + wobble, low), high)
        else:
            y = min(max(anchor_y + wobble, low), high)
    return x, y
