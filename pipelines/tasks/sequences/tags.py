"""A label for each word of a caption of shapes.

    a      small  red     circle  to        the       left      of        a      blue    star
    count  size   colour  thing   relation  relation  relation  relation  count  colour  landmark

A word alone is ambiguous: "left" belongs to a relation or to a place, "a" counts or is part of "a picture of", and
whether a noun is the subject (thing) or the reference (landmark) of a relation may be decided long before or long after
it: "a red circle with a blue star above it".
"""

from itertools import chain
from random import Random

from pipelines.data.synthetic import words
from pipelines.data.synthetic.parsing import parse
from pipelines.tasks.sequences.captions import sample_caption
from pipelines.tasks.sequences.examples import SequenceExample

TAGS = ("count", "size", "colour", "thing", "landmark", "relation", "place", "other")


def make(random: Random) -> SequenceExample:
    """A caption of a random scene and its tags."""
    caption = sample_caption(random)
    return SequenceExample(caption, tags_of(caption))


def tags_of(caption: str) -> tuple[str, ...]:
    """The tag of each word of a caption that pipelines/data/synthetic/captions.py can write, without punctuation.

    >>> tags_of("below a star there is a ring")
    ('relation', 'count', 'landmark', 'other', 'other', 'count', 'thing')
    """
    rest, tags = tuple(caption.split()), []
    while rest:
        length = next(n for n in range(min(_LONGEST, len(rest)), 0, -1) if n == 1 or rest[:n] in _PHRASES)
        tags += [_PHRASES.get(rest[:length], "other")] * length
        rest = rest[length:]
    statements = parse(caption)
    subjects = {relation.subject for relation in statements.relations}
    landmarks = {number for relation in statements.relations for number in relation.objects} - subjects
    # "three shapes", which counts all things, comes first and is no mention of any of them.
    mention = -len(statements.totals)
    for position, tag in enumerate(tags):
        if tag == "noun":
            tags[position] = "landmark" if mention in landmarks else "thing"
            mention += 1
    return tuple(tags)


def _phrases() -> dict[tuple[str, ...], str]:
    spellings = {
        "count": [*words.ARTICLES, *chain(*words.COUNTS.values())],
        "size": chain(*words.SIZE_WORDS.values()),
        "colour": words.COLOURS,
        "noun": chain(*chain(*words.NOUNS.values(), words.ANY_NOUN)),
        "relation": ["between", *chain(*words.RELATION_WORDS.values())],
        "place": chain(*words.PLACE_WORDS.values()),
        "other": words.OPENINGS,
    }
    return {tuple(phrase.split()): tag for tag, phrases in spellings.items() for phrase in phrases}


_PHRASES = _phrases()
_LONGEST = max(map(len, _PHRASES))
