"""Captions of shapes in a made-up language, with words, an order and an agreement of its own.

    two small red circles are to the left of a blue star
    rondoi ruboi etoi du  stelan blavan unan  liva  jasoi
    circles red small two  star   blue   one   left  are

- The noun comes first, then colour, size and number: English turned round. There are no articles: "a" is one.
- A noun is of one of three classes by its last letter (o, a, e). Colour, size and the number one take that letter.
- `i` marks several, `n` the reference of a relation. All words of a name agree, but numbers above one do not bend.
- The subject comes first, then the reference, then the relation, and the verb last. The verb agrees with the subject,
  in class and number, however far away that is.
- Each thing is named once, in the order of the caption, in a clause with its relations and places; clauses are joined
  with "kai". The number of all shapes, if the caption has it, opens the sentence.

English has several words for one meaning and several orders; this language has one of each, so there is one right
translation.
"""

from random import Random

from pipelines.data.synthetic.parsing import Mention, Statements, parse
from pipelines.tasks.sequences.captions import sample_caption
from pipelines.tasks.sequences.examples import SequenceExample

# fmt: off
NOUNS = {
    "circle": "rondo", "square": "kvado", "triangle": "trigo", "star": "stela", "heart": "kora", "moon": "luna",
    "cross": "kruce", "ring": "anule", None: "forme",
}
COLOURS = {
    "red": "rub", "orange": "oran", "yellow": "flav", "green": "verd", "blue": "blav", "purple": "purp", "pink": "roz",
    "black": "nigr",
}
SIZES = {"small": "et", "large": "grand"}
NUMBERS = {1: "un", 2: "du", 3: "tri", 4: "kvar"}
RELATIONS = {"left": "liva", "right": "dekstra", "above": "supra", "below": "suba", "between": "intera"}
PLACES = {
    "left": "live", "right": "dekstre", "top": "alte", "bottom": "base", "middle": "centre",
    "top left": "alte live", "top right": "alte dekstre", "bottom left": "base live", "bottom right": "base dekstre",
}
# fmt: on
VERB, AND, SEVERAL, PLACED_BY = "jas", "kai", "i", "n"
MOST_WORDS = 16  # of a caption and of its translation


def make(random: Random) -> SequenceExample:
    """A caption of a random scene and its translation."""
    while True:
        caption = sample_caption(random)
        translated = translate(caption)
        if max(len(caption.split()), len(translated.split())) <= MOST_WORDS:
            return SequenceExample(caption, translated)


def translate(caption: str) -> str:
    """The translation of a caption that pipelines/data/synthetic/captions.py can write.

    >>> translate("a red star sits above two boxes")
    'stela ruba una kvadoin du supra jasa'
    """
    statements = parse(caption)
    landmarks = {number for relation in statements.relations for number in relation.objects}
    placed = {relation.subject for relation in statements.relations} | {number for number, _ in statements.places}
    clauses = []
    for number in range(len(statements.mentions)):
        if number in placed or number not in landmarks:
            clauses += _clauses(statements, number)
    total = [name(Mention(count, None, None, None)) for count in statements.totals]
    return " ".join([*total, f" {AND} ".join(clauses)])


def _clauses(statements: Statements, number: int) -> list[str]:
    """A clause for each relation and place of a mention, or one that there is such a thing."""
    mention = statements.mentions[number]
    by_relation: dict[str, list[int]] = {}
    for relation in statements.relations:
        if relation.subject == number:
            by_relation.setdefault(relation.kind, []).extend(relation.objects)
    predicates = [
        f" {AND} ".join(name(statements.mentions[other], PLACED_BY) for other in others) + f" {RELATIONS[kind]}"
        for kind, others in by_relation.items()
    ] + [PLACES[place] for placed, place in statements.places if placed == number]
    return [" ".join(filter(None, (name(mention), predicate, verb(mention)))) for predicate in predicates or [""]]


def name(mention: Mention, case: str = "") -> str:
    """A name: noun, colour, size and number, agreeing.

    >>> name(Mention(2, "small", "red", "heart"), PLACED_BY)
    'korain rubain etain du'
    """
    noun = NOUNS[mention.shape]
    ending = noun[-1] + _several(mention) + case
    words = [noun[:-1] + ending]
    if mention.colour:
        words.append(COLOURS[mention.colour] + ending)
    if mention.size:
        words.append(SIZES[mention.size] + ending)
    return " ".join([*words, NUMBERS[mention.count] + (ending if mention.count == 1 else "")])


def verb(mention: Mention) -> str:
    return VERB + NOUNS[mention.shape][-1] + _several(mention)


def _several(mention: Mention) -> str:
    return SEVERAL if mention.count > 1 else ""
