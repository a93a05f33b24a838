"""The grammar that writes: scenes to captions.
 A caption names every thing of its scene, once, and states only what is clear-cut (see relations.py). Things
that are called the same are named together ("two red circles"). A template is a function `(random, groups) ->
sentence`, or None where it has nothing true or nothing clear to say; `groups` come in the order in which they
will be named.
"""

import dataclasses
from collections.abc import Callable, Sequence
from random import Random

from pipelines.data.synthetic import words
from pipelines.data.synthetic.relations import between_holds, clear_places, clear_relation
from pipelines.data.synthetic.scenes import Scene, Thing

MAX_WORDS = 22


@dataclasses.dataclass(frozen=True)
class Group:
    """Things that are called the same.

    Args:
        things: one or more, of one colour and shape.
        noun: the word for their shape, (one, several).
        size: the word for their size, or None where the caption tells no sizes.
        article: whether a single one is "a" (or "an"), rather than "one".
    """

    things: tuple[Thing, ...]
    noun: tuple[str, str]
    size: str | None
    article: bool

    def __len__(self) -> int:
        return len(self.things)

    @property
    def few(self) -> int:
        return words.few(len(self))


def write_captions(random: Random, scene: Scene, how_many: int = 5) -> tuple[str, ...]:
    """`how_many` different captions for one scene."""
    return words.different(how_many, lambda: write_caption(random, scene))


def write_caption(random: Random, scene: Scene) -> str:
    """One caption of at most `MAX_WORDS` words."""
    while True:
        groups = _ordered(random, _grouped(random, scene))
        caption = random.choice(_LOTS)(random, groups)
        if caption is not None and len(caption.split()) <= MAX_WORDS:
            return caption


def _grouped(random: Random, scene: Scene) -> list[Group]:
    """The things of a scene under their names; a caption keeps to one word for one meaning."""
    with_sizes, article = random.randrange(5) < 2, random.randrange(12) > 0
    nouns = {shape: words.choose(random, spellings) for shape, spellings in words.NOUNS.items()}
    sizes = {size: words.choose(random, spellings) for size, spellings in words.SIZE_WORDS.items()}
    groups: dict[tuple, list[Thing]] = {}
    for thing in scene.things:
        groups.setdefault((sizes[thing.size] if with_sizes else None, *thing.pair), []).append(thing)
    return [Group(tuple(things), nouns[shape], size, article) for (size, _, shape), things in groups.items()]


def _ordered(random: Random, groups: list[Group]) -> list[Group]:
    """Mostly from the left, else from the top, sometimes in any order.

    A network that writes about one thing after another has to know which is next; with all orders alike it
    learns much more slowly where to look.
    """
    order = random.randrange(8)
    if order < 5:
        return sorted(groups, key=lambda group: (min(t.x for t in group.things), min(t.y for t in group.things)))
    if order < 7:
        return sorted(groups, key=lambda group: (min(t.y for t in group.things), min(t.x for t in group.things)))
    random.shuffle(groups)
    return groups


# Pieces of sentences.


def _name(random: Random, group: Group) -> str:
    """A noun phrase: "a red circle", "an orange ring", "a pair of small blue stars"."""
    description = " ".join(filter(None, (group.size, group.things[0].colour, group.noun[group.few - 1])))
    if len(group) > 1 or not group.article:
        return f"{words.choose(random, words.COUNTS[len(group)])} {description}"
    return f"{'an' if description[0] in 'aeiou' else 'a'} {description}"


def _listed(names: Sequence[str]) -> str:
    """Names in a row: "A", "A and B", "A, B and C"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _opening(random: Random, first: Group) -> str:
    """Words before the first name: none, "there is", or "a picture of" and its like."""
    kind = random.randrange(5)
    if kind < 2:
        return ""
    if kind < 4:
        return words.THERE[first.few][0] + " "
    return random.choice(words.OPENINGS) + " "


def _relation(random: Random, first: Group, second: Group) -> str | None:
    relation = clear_relation(first.things, second.things)
    return relation and words.choose(random, words.RELATION_WORDS[relation])


def _place(random: Random, group: Group) -> str | None:
    places = clear_places(group.things)
    corners = [place for place in places if " " in place]  # a corner says more than a side
    return words.choose(random, words.PLACE_WORDS[random.choice(corners or places)]) if places else None


# Templates.


def listing(random: Random, groups: list[Group]) -> str | None:
    """There is a red circle, a blue star and a pink heart."""
    return _opening(random, groups[0]) + _listed([_name(random, group) for group in groups])


def total(random: Random, groups: list[Group]) -> str | None:
    """Three shapes: a red circle and two blue stars."""
    number = sum(len(group) for group in groups)
    if len(groups) < 2:
        return None
    opening = random.choice(("", "", "there are ", random.choice(words.OPENINGS) + " "))
    what = f"{words.COUNTS[number][0]} {random.choice(words.ANY_NOUN)[1]}"
    return f"{opening}{what}: " + _listed([_name(random, group) for group in groups])


def joined(random: Random, groups: list[Group]) -> str | None:
    """A red circle together with a blue star."""
    if len(groups) != 2:
        return None
    first, second = (_name(random, group) for group in groups)
    return f"{_opening(random, groups[0])}{first} {random.choice(words.JOINED)} {second}"


def placed(random: Random, groups: list[Group]) -> str | None:
    """A red circle at the top and a blue star in the bottom left corner."""
    places = [_place(random, group) for group in groups]
    if len(groups) > 2 or None in places:
        return None
    names = [f"{_name(random, group)} {place}" for group, place in zip(groups, places, strict=True)]
    return _opening(random, groups[0]) + _listed(names)


def place_first(random: Random, groups: list[Group]) -> str | None:
    """In the middle there is a red circle."""
    place = _place(random, groups[0])
    if len(groups) > 1 or place is None:
        return None
    return f"{place} {words.THERE[groups[0].few][0]} {_name(random, groups[0])}"


def related(random: Random, groups: list[Group]) -> str | None:
    """There is a red circle to the left of a blue star."""
    if len(groups) != 2 or not (relation := _relation(random, *groups)):
        return None
    first, second = (_name(random, group) for group in groups)
    return f"{_opening(random, groups[0])}{first} {relation} {second}"


def sentence(random: Random, groups: list[Group]) -> str | None:
    """A red circle sits to the left of a blue star."""
    if len(groups) != 2 or not (relation := _relation(random, *groups)):
        return None
    first, second = (_name(random, group) for group in groups)
    return f"{first} {random.choice(words.VERBS[groups[0].few])} {relation} {second}"


def relation_first(random: Random, groups: list[Group]) -> str | None:
    """Below a blue star there is a red circle."""
    if len(groups) != 2 or not (relation := _relation(random, *groups)):
        return None
    first, second = (_name(random, group) for group in groups)
    return f"{relation} {second} {words.THERE[groups[0].few][0]} {first}"


def around(random: Random, groups: list[Group]) -> str | None:
    """A red circle with a blue star above it and a pink heart below it."""
    centre, *others = groups
    relations = [clear_relation(other.things, centre.things) for other in others]
    if len(groups) not in (2, 3) or None in relations:
        return None
    pronoun = words.PRONOUNS[centre.few][0]
    parts = [
        f"{_name(random, other)} {words.choose(random, words.RELATION_WORDS[relation])} {pronoun}"
        for other, relation in zip(others, relations, strict=True)
    ]
    return f"{_opening(random, centre)}{_name(random, centre)} with {' and '.join(parts)}"


def between(random: Random, groups: list[Group]) -> str | None:
    """A red circle between a blue star and a pink heart."""
    if len(groups) != 3:
        return None
    for middle in groups:
        first, second = (group for group in groups if group is not middle)
        if all(between_holds(a, b, c, clear=True) for a in middle.things for b in first.things for c in second.things):
            names = [_name(random, group) for group in (middle, first, second)]
            return f"{_opening(random, middle)}{names[0]} between {names[1]} and {names[2]}"
    return None


def related_to_both(random: Random, groups: list[Group]) -> str | None:
    """There is a red circle above a blue star and a pink heart."""
    if len(groups) != 3:
        return None
    relation = clear_relation(groups[0].things, groups[1].things + groups[2].things)
    if relation is None:
        return None
    names = [_name(random, group) for group in groups]
    phrase = words.choose(random, words.RELATION_WORDS[relation])
    return f"{_opening(random, groups[0])}{names[0]} {phrase} {names[1]} and {names[2]}"


def related_and_more(random: Random, groups: list[Group]) -> str | None:
    """A red circle left of a blue star, and there is also a pink heart."""
    if len(groups) < 3 or not (relation := _relation(random, *groups[:2])):
        return None
    first, second, *rest = (_name(random, group) for group in groups)
    also = words.ALSO[groups[2].few][0]
    return f"{_opening(random, groups[0])}{first} {relation} {second}, and {also} {_listed(rest)}"


def two_relations(random: Random, groups: list[Group]) -> str | None:
    """A red circle left of a blue star and a pink heart above a black ring."""
    if len(groups) != 4:
        return None
    relations = [_relation(random, *groups[:2]), _relation(random, *groups[2:])]
    if None in relations:
        return None
    a, b, c, d = (_name(random, group) for group in groups)
    return f"{_opening(random, groups[0])}{a} {relations[0]} {b} and {c} {relations[1]} {d}"


# How often each is tried; those that have nothing to say about a scene leave it to the others.
TEMPLATES: dict[Callable[[Random, list[Group]], str | None], int] = {
    listing: 5, total: 2, joined: 1, placed: 2, place_first: 1,
    related: 3, sentence: 3, relation_first: 2, around: 2,
    between: 6, related_to_both: 3, related_and_more: 3, two_relations: 5,
}  # fmt: skip
_LOTS = tuple(template for template, weight in TEMPLATES.items() for _ in range(weight))
