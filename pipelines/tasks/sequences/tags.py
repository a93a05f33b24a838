"""A label for each word of a caption of shapes.

    a      small  red     circle  to        the       left      of        a      blue    star
    count  size   colour  thing   relation  relation  relation  relation  count  colour  landmark

A word alone does not tell: "left" belongs to a relation or to a place, "a" counts or is part of "a picture of", and
whether a noun is what the caption is about (thing) or what something is placed by (landmark) may be decided long before
or long after it: "a red circle with a blue star above it".
"""

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
    spelled, tags, at = caption.split(), [], 0
    while at < len(spelled):
        longest = min(_LONGEST, len(spelled) - at)
        length = next(n for n in range(longest, 0, -1) if n == 1 or tuple(spelled[at : at + n]) in _PHRASES)
        tags += [_PHRASES.get(tuple(spelled[at : at + length]), "other")] * length
        at += length
    statements = parse(caption)
    subjects = {relation.subject for relation in statements.relations}
    landmarks = {number for relation in statements.relations for number in relation.objects} - subjects
    # "three shapes", which counts all things, comes first and is no mention of any of them.
    mention = -len(statements.totals)
    for place, tag in enumerate(tags):
        if tag == "noun":
            tags[place] = "landmark" if mention in landmarks else "thing"
            mention += 1
    return tuple(tags)


def _phrases() -> dict[tuple[str, ...], str]:
    spellings = {
        "count": [*words.ARTICLES, *(one for each in words.COUNTS.values() for one in each)],
        "size": [one for each in words.SIZE_WORDS.values() for one in each],
        "colour": words.COLOURS,
        "noun": [one for nouns in (*words.NOUNS.values(), words.ANY_NOUN) for both in nouns for one in both],
        "relation": ["between", *(one for each in words.RELATION_WORDS.values() for one in each)],
        "place": [one for each in words.PLACE_WORDS.values() for one in each],
        "other": words.OPENINGS,
    }
    return {tuple(phrase.split()): tag for tag, phrases in spellings.items() for phrase in phrases}


_PHRASES = _phrases()
_LONGEST = max(map(len, _PHRASES))
