"""Facts about one or two things, and a sentence that states them.

    count=2 size=small colour=red shape=heart relation=left count2=1 colour2=blue shape2=ring
    two small red hearts are to the left of a blue ring

The network gets the facts as one vector with a 1 for each that holds. A sentence is right if it states these facts and
no others, in any words that pipelines/data/synthetic/parsing.py can read.
"""

from random import Random

from pipelines.data.synthetic import words
from pipelines.data.synthetic.parsing import Mention, parse
from pipelines.tasks.sequences.examples import SequenceExample


def make(random: Random) -> SequenceExample:
    """Facts, as a text, and one of the sentences that state them."""
    first = _mention(random)
    if random.randrange(4) == 0:
        return SequenceExample(facts_of(first), _there(random, first))
    second, relation = _mention(random), random.choice((*words.RELATION_WORDS, None))
    return SequenceExample(facts_of(first, relation, second), _sentence(random, first, relation, second))


def facts_of(first: Mention, relation: str | None = None, second: Mention | None = None) -> str:
    """The facts as a text.

    >>> facts_of(Mention(1, None, "red", "star"), "left", Mention(2, "large", "blue", "ring"))
    'count=1 colour=red shape=star relation=left count2=2 size2=large colour2=blue shape2=ring'
    """
    facts = [f"count={first.count}", *(f"{key}={value}" for key, value in first.describe().items())]
    if relation:
        facts.append(f"relation={relation}")
    if second:
        facts += [f"count2={second.count}", *(f"{key}2={value}" for key, value in second.describe().items())]
    return " ".join(facts)


def read_facts(sentence: str) -> str | None:
    """The facts that a sentence states, in the form of `facts_of`; None if it states none, or what these cannot hold.

    >>> read_facts("left of a ring there is a red star")
    'count=1 colour=red shape=star relation=left count2=1 shape2=ring'
    """
    statements = parse(sentence)
    mentions, relations = statements.mentions, statements.relations
    if statements.unread or statements.places or statements.totals or len(relations) > 1 or len(mentions) not in (1, 2):
        return None
    if not relations:
        return facts_of(mentions[0], None, *mentions[1:])
    kind, subject, objects = relations[0]
    if kind not in words.RELATION_WORDS or len(objects) != 1:
        return None
    return facts_of(mentions[subject], kind, mentions[objects[0]])


def _mention(random: Random) -> Mention:
    size = random.choice((None, *words.SIZE_WORDS))
    return Mention(random.choice((1, 1, 2, 3)), size, random.choice(words.COLOURS), random.choice(tuple(words.NOUNS)))


def _name(random: Random, mention: Mention) -> str:
    size = words.choose(random, words.SIZE_WORDS[mention.size]) if mention.size else None
    noun = words.choose(random, words.NOUNS[mention.shape])[words.few(mention.count) - 1]
    described = " ".join(word for word in (size, mention.colour, noun) if word)
    if mention.count > 1:
        return f"{words.choose(random, words.COUNTS[mention.count])} {described}"
    return f"{'an' if described[0] in 'aeiou' else 'a'} {described}"


def _there(random: Random, first: Mention) -> str:
    opening = random.choice((*words.THERE[words.few(first.count)], random.choice(words.OPENINGS)))
    return f"{opening} {_name(random, first)}"


def _sentence(random: Random, first: Mention, relation: str | None, second: Mention) -> str:
    name, other, few = _name(random, first), _name(random, second), words.few(first.count)
    if relation is None:
        return f"{_there(random, first)} and {other}"
    where = words.choose(random, words.RELATION_WORDS[relation])
    form = random.randrange(4)
    if form == 0:
        return f"{_there(random, first)} {where} {other}"
    if form == 1:
        return f"{where} {other} {words.THERE[few][0]} {name}"
    return f"{name} {words.choose(random, words.VERBS[few])} {where} {other}"
