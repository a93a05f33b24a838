"""Where things are: what may be said about it, and what is true of it.
 Two thresholds each. A caption of ours *states* only what is clear-cut; a statement of anybody is *true*
within wider limits, so that a network is not blamed for a sentence that a person would accept. With `d` how
far the first thing lies in the named direction and `o` how far it lies off that line (units of the frame):

    left, right, above, below    clear:  d >= 12  and  d >= 1.5  o        (within 34 degrees of the line)
                                 true:   d >=  6  and  d >= 0.75 o        (within 53 degrees)
 Where "left of" is clear, "right of", "above" and "below" are all false; on the diagonal two are true, none
clear.
"""

from collections.abc import Sequence

from pipelines.data.synthetic.scenes import FRAME, Thing

RELATIONS = ("left", "right", "above", "below")
PLACES = ("left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right")


def relation_holds(relation: str, first: Thing, second: Thing, clear: bool = False) -> bool:
    """Whether `first` lies left of, right of, above or below `second`; `clear`: beyond doubt."""
    across, down = first.x - second.x, first.y - second.y
    directions = {"left": (-across, down), "right": (across, down), "above": (-down, across), "below": (down, across)}
    along, off = directions[relation]
    if clear:
        return along >= 12 and 2 * along >= 3 * abs(off)
    return along >= 6 and 4 * along >= 3 * abs(off)


def clear_relation(firsts: Sequence[Thing], seconds: Sequence[Thing]) -> str | None:
    """The one relation that clearly holds between all of `firsts` and all of `seconds`, or None."""
    for relation in RELATIONS:
        if all(relation_holds(relation, a, b, clear=True) for a in firsts for b in seconds):
            return relation
    return None


def between_holds(middle: Thing, first: Thing, second: Thing, clear: bool = False) -> bool:
    """Whether `middle` lies between the two others, side by side or one above another."""
    return any(
        relation_holds(relation, first, middle, clear) and relation_holds(relation, middle, second, clear)
        for relation in RELATIONS
    )


def place_holds(place: str, thing: Thing, clear: bool = False) -> bool:
    """Whether `thing` is in that part of the picture: outer third to be clear, outer half less a bit to be true.

    The middle is the middle third in both directions (to be clear: the middle fifth).
    """
    if place == "middle":
        reach = 6 if clear else 11
        return max(abs(2 * thing.x - FRAME), abs(2 * thing.y - FRAME)) <= 2 * reach
    limit = 20 if clear else 28
    part = {"left": thing.x, "right": FRAME - thing.x, "top": thing.y, "bottom": FRAME - thing.y}
    return all(part[word] <= limit for word in place.split())


def clear_places(things: Sequence[Thing]) -> list[str]:
    """The places that clearly hold for all of `things`."""
    return [place for place in PLACES if all(place_holds(place, thing, clear=True) for thing in things)]
