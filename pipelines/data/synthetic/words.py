"""The words of the world: for each meaning, the ways to say it. The writer draws from these tables, the
parser reads with the same tables, so neither can know a phrase that the other does not.

The first spelling of a meaning is the common one. No spelling has two meanings.
"""

from collections.abc import Callable
from random import Random

# fmt: off
NOUNS = {                                                                # (one, several)
    "circle": (("circle", "circles"), ("disc", "discs")), "square": (("square", "squares"), ("box", "boxes")),
    "triangle": (("triangle", "triangles"),), "star": (("star", "stars"),), "heart": (("heart", "hearts"),),
    "cross": (("cross", "crosses"), ("plus", "pluses")), "ring": (("ring", "rings"), ("hoop", "hoops")),
    "moon": (("moon", "moons"), ("crescent", "crescents")),
}
ANY_NOUN = (("shape", "shapes"), ("object", "objects"))                  # a thing whose shape is not told
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")  # each its own only word
SIZE_WORDS = {"small": ("small", "little"), "large": ("large", "big")}
COUNTS = {
    1: ("one",), 2: ("two", "a pair of"), 3: ("three", "a group of three"), 4: ("four", "a group of four"),
}
ARTICLES = ("a", "an")
RELATION_WORDS = {
    "left": ("to the left of", "left of"), "right": ("to the right of", "right of"),
    "above": ("above", "over"), "below": ("below", "under"),
}
PLACE_WORDS = {
    "left": ("on the left", "on the left side"), "right": ("on the right", "on the right side"),
    "top": ("at the top", "near the top"), "bottom": ("at the bottom", "near the bottom"),
    "middle": ("in the middle", "in the centre"),
    "top left": ("in the top left corner",), "top right": ("in the top right corner",),
    "bottom left": ("in the bottom left corner",), "bottom right": ("in the bottom right corner",),
}
# fmt: on
OPENINGS = ("a picture of", "an image of", "this picture shows", "this image shows", "you can see", "we see")
THERE = {1: ("there is",), 2: ("there are",)}  # one; several
ALSO = {1: ("there is also",), 2: ("there are also",)}
VERBS = {1: ("is", "sits", "lies"), 2: ("are", "sit", "lie")}
PRONOUNS = {1: ("it",), 2: ("them",)}
JOINED = ("together with", "as well as", "along with")  # one kind of "and"


def choose(random: Random, spellings: tuple):
    """Three times in four the common spelling, else any of them."""
    return spellings[0] if random.randrange(4) else random.choice(spellings)


def different(number: int, write: Callable[[], str]) -> tuple[str, ...]:
    """So many texts from `write`, all different, in the order in which they came."""
    texts: dict[str, None] = {}
    while len(texts) < number:
        texts[write()] = None
    return tuple(texts)


def few(number: int) -> int:
    """The key of the tables that only know one and several."""
    return min(number, 2)
