"""Whether captions of scenes are true; `pipelines.evaluation.data_metrics` makes scores of it.

The things a caption describes ("two red circles" are two) are matched one to one with the things of the
scene, in the way that makes the most of the caption true. Then these are its statements:

    shape, colour, size   one for each attribute named of each described thing: true if its match has it
    count                 one for each noun phrase, "a" meaning one: true if the caption describes as many
                          things that fit the phrase as the scene has ("a red circle" is false of two)
    relation, place       one for each pair of phrases, or phrase, that it is said of: true if it holds of
                          all the matches (relations.py says when) and these are wholly as described
    total                 "three shapes": true if the scene has that many
    unread                one for each run of words that says nothing in the grammar: always false

    faithfulness = true statements / statements, over all captions (an empty caption is one false statement)
    coverage     = things described, at most those that are there / things that are there

A reference always names every thing of its scene, so "things that are there" is also what the references
name. A wrongly described thing is covered: faithfulness pays for it. Saying little is an easy way to say
nothing false, so faithfulness *counts* only at a coverage of at least 0.9 over the whole corpus: below it
`faithfulness_valid` is 0.0 and a target on faithfulness is missed, whatever its value.
"""

import dataclasses
from collections.abc import Iterable
from itertools import permutations

from pipelines.data.synthetic.parsing import Mention, Relation, Statements, parse
from pipelines.data.synthetic.relations import between_holds, place_holds, relation_holds
from pipelines.data.synthetic.scenes import NOVEL_PAIRS, Scene, Thing

ENOUGH_COVERAGE = 0.9
KINDS = ("shape", "colour", "size", "count", "relation", "place", "total", "unread")
_MATCHED = 8  # described things that may have a match; a scene has at most four


@dataclasses.dataclass(frozen=True)
class Statement:
    """One thing that a caption says: its kind (see KINDS), what it says, and whether it is true.

    words: the numbers of the words of the caption that say it, as `pipelines.data.synthetic.parsing.word_spans` counts
        them.
    """

    kind: str
    text: str
    true: bool
    words: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class CheckedCaption:
    """All statements of one caption, and how many of the scene's things it names."""

    statements: tuple[Statement, ...]
    named: int
    there: int

    @property
    def faithfulness(self) -> float:
        return sum(statement.true for statement in self.statements) / len(self.statements)


def names_novel_objects(caption: str, scene: Scene) -> bool:
    """Whether a caption names the unseen things of a scene, colour and shape of each in one phrase, and no others.

    Naming all six would be right every time. What else the caption says does not matter here.
    """
    named = {(mention.colour, mention.shape) for mention in parse(caption).mentions}
    return named & set(NOVEL_PAIRS) == set(scene.novel_pairs)


def check_caption(caption: str, scene: Scene) -> CheckedCaption:
    """Every statement of `caption`, true or false of `scene`."""
    parsed = parse(caption)
    owners = [number for number, mention in enumerate(parsed.mentions) for _ in range(mention.count)]
    matches = _best_match(parsed, owners, scene)
    statements = []
    for owner, thing in zip(owners, matches, strict=True):
        mention = parsed.mentions[owner]
        for kind, value in mention.describe().items():
            true = thing is not None and getattr(thing, kind) == value
            words = parsed.words[kind, owner]
            statements.append(Statement(kind, f"{value} {mention.shape or 'thing'}", true, words))
    for number, mention in enumerate(parsed.mentions):
        described = sum(other.count for other in parsed.mentions if other.fits(mention))
        there = sum(_wrong(mention, thing) == 0 for thing in scene.things)
        text = f"{mention.count} {' '.join(mention.describe().values())}"
        statements.append(Statement("count", text, described == there, parsed.words["count", number]))
    by_mention = _by_mention(parsed, owners, matches)

    def add(kind: str, checked: Iterable[tuple[str, bool]]) -> None:
        """Statements of one kind, in the order of the parsed ones."""
        for number, (text, true) in enumerate(checked):
            statements.append(Statement(kind, text, true, parsed.words[kind, number]))

    add("relation", ((r.kind, _relation_true(r, parsed, by_mention)) for r in parsed.relations))
    add("place", ((place, _place_true(place, number, parsed, by_mention)) for number, place in parsed.places))
    add("total", ((str(number), number == len(scene.things)) for number in parsed.totals))
    add("unread", ((text, False) for text in parsed.unread))
    if not statements:
        statements = [Statement("unread", "", False)]
    return CheckedCaption(tuple(statements), min(len(owners), len(scene.things)), len(scene.things))


def _wrong(mention: Mention, thing: Thing) -> int:
    """How many of the attributes named are not those of `thing`."""
    return sum(getattr(thing, attribute) != value for attribute, value in mention.describe().items())


def _fits(mention: Mention, thing: Thing | None) -> bool:
    return thing is not None and _wrong(mention, thing) == 0


def _best_match(parsed: Statements, owners: list[int], scene: Scene) -> list[Thing | None]:
    """A thing, or None, for each described thing: most attributes right, then most relations and places."""
    described = range(min(len(owners), _MATCHED))
    things: list[Thing | None] = [*scene.things, *[None] * (len(described) - len(scene.things))]
    rest = [None] * (len(owners) - len(described))
    wrong = [
        [len(parsed.mentions[owners[i]].describe()) if thing is None else _wrong(parsed.mentions[owners[i]], thing)
         for thing in things]
        for i in described
    ]  # fmt: skip
    orders = _orders(len(things), len(described), len(scene.things))
    costs = [sum(wrong[i][place] for i, place in enumerate(order)) for order in orders]
    least = min(costs)
    best = [order for order, cost in zip(orders, costs, strict=True) if cost == least]
    candidates = [[*(things[place] for place in order), *rest] for order in best]
    if len(candidates) == 1 or not (parsed.relations or parsed.places):
        return candidates[0]
    return max(candidates, key=lambda matches: _located(parsed, _by_mention(parsed, owners, matches)))


def _orders(places: int, described: int, real: int) -> list[tuple[int, ...]]:
    """All ways to give `described` things different places; those from `real` on are empty and all alike."""
    if described <= real:
        return list(permutations(range(places), described))
    orders = []
    for chosen in permutations(range(described), real):  # which described thing each real place gets
        order = [-1] * described
        for place, i in enumerate(chosen):
            order[i] = place
        orders.append(tuple(order))
    return orders


def _by_mention(parsed: Statements, owners: list[int], matches: list[Thing | None]) -> list[list[Thing | None]]:
    things: list[list[Thing | None]] = [[] for _ in parsed.mentions]
    for owner, thing in zip(owners, matches, strict=True):
        things[owner].append(thing)
    return things


def _located(parsed: Statements, by_mention: list[list[Thing | None]]) -> int:
    """How many relations and places are true of these matches."""
    return sum(_relation_true(relation, parsed, by_mention) for relation in parsed.relations) + sum(
        all(thing is not None and place_holds(place, thing) for thing in by_mention[number])
        for number, place in parsed.places
    )


def _place_true(place: str, number: int, parsed: Statements, by_mention: list[list[Thing | None]]) -> bool:
    return all(_fits(parsed.mentions[number], thing) and place_holds(place, thing) for thing in by_mention[number])


def _relation_true(relation: Relation, parsed: Statements, by_mention: list[list[Thing | None]]) -> bool:
    involved = (relation.subject, *relation.objects)
    if not all(_fits(parsed.mentions[number], thing) for number in involved for thing in by_mention[number]):
        return False
    subjects = by_mention[relation.subject]
    if relation.kind == "between":
        first, second = (by_mention[number] for number in relation.objects)
        return all(between_holds(a, b, c) for a in subjects for b in first for c in second)
    return all(relation_holds(relation.kind, a, b) for a in subjects for b in by_mention[relation.objects[0]])
