"""Sentences of praise and blame, which a bag of words cannot tell apart.

    sentence = clause | "it is not true that" clause | clause "and" clause
             | clause "but" clause              what comes after "but" counts
             | "although" clause clause         the second counts
             | clause "although" clause         the first counts
    clause   = "the" thing [that] verb [degree] judgement       "that the boring waiter brought" judges the waiter
             | "the" thing [that] verb "not" [degree] judgement
             | who "found the" thing judgement                  "nobody" turns it round

Two clauses joined by "but" or "although" are of opposite opinions, with one "not" or several anywhere. Half the
sentences praise. Things, people and judgements are sampled evenly.
"""

from random import Random

from pipelines.tasks.sequences.examples import SequenceExample

LABELS = ("negative", "positive")
THINGS = (
    "film", "music", "story", "cast", "ending", "hotel", "room", "service", "food", "soup", "wine", "garden", "book",
    "play", "party", "journey",
)  # fmt: skip
GOOD = ("good", "great", "lovely", "clever", "charming", "funny", "fresh", "bright", "warm", "fine")
BAD = ("bad", "poor", "boring", "clumsy", "awful", "dull", "stale", "gloomy", "ugly", "weak")
DEGREES = ("very", "really", "quite", "rather", "so")
PEOPLE = ("waiter", "critic", "guide", "neighbour", "guest", "writer")
DEEDS = ("brought", "praised", "chose", "missed", "mentioned", "remembered")
ADMIRERS, DENIERS = ("everybody", "we", "my friends", "most guests"), ("nobody", "none of us", "hardly anybody")
FORMS = ("single", "untrue", "and", "but", "although first", "although last")
LOTS = (*FORMS, "single", *FORMS[3:])  # each as often as it is sampled


def make(random: Random) -> SequenceExample:
    """A sentence and `("positive",)` or `("negative",)`."""
    praise = random.choice((True, False))
    return SequenceExample(write(random, praise), (LABELS[praise],))


def write(random: Random, praise: bool) -> str:
    """A sentence that praises, or blames."""
    form = random.choice(LOTS)
    if form == "single":
        return clause(random, praise)
    if form == "untrue":
        return f"it is not true that {clause(random, not praise)}"
    if form == "and":
        return f"{clause(random, praise)} and {clause(random, praise)}"
    meant, granted = clause(random, praise), clause(random, not praise)
    if form == "but":
        return f"{granted} but {meant}"
    return f"although {granted} {meant}" if form == "although first" else f"{meant} although {granted}"


def clause(random: Random, praise: bool) -> str:
    thing, turned = random.choice(THINGS), random.choice((True, False))
    judgement = random.choice(GOOD if praise != turned else BAD)
    if random.randrange(4) == 0:
        who = random.choice(DENIERS if turned else ADMIRERS)
        return f"{who} found the {thing} {judgement}"
    aside = ""
    if random.randrange(4) == 0:  # a judgement of somebody else, which does not count
        aside = f" that the {random.choice((*GOOD, *BAD))} {random.choice(PEOPLE)} {random.choice(DEEDS)}"
    degree = random.choice(("", "", "", *(f"{word} " for word in DEGREES)))
    return f"the {thing}{aside} was {'not ' if turned else ''}{degree}{judgement}"
