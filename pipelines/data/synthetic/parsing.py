"""The grammar that reads: captions back to statements.
 `parse(caption)` reads everything that captions.py can write, with or without its commas, and whatever a
network writes instead. What it cannot read is not skipped: it is kept in `unread`, one entry for each run of
words, and faithfulness counts each as a false statement.

    caption   = [opening] [there] [total] clause { and [there] clause }     "and" may be missing, as in a list
    clause    = place (there | verb) name  |  relation name (there | verb) name
              | name [predicate]
    predicate = [verb] relation name { and name }    a further name only where it begins no clause itself
              | [verb] place  |  [verb] between name and name
              | with name relation pronoun { and name relation pronoun }
    name      = count [size] [colour] noun             noun in the number of the count
"""

import dataclasses
from typing import NamedTuple

from pipelines.data.synthetic import words


@dataclasses.dataclass(frozen=True)
class Mention:
    """A noun phrase: how many, and what the caption says of them (None: nothing)."""

    count: int
    size: str | None
    colour: str | None
    shape: str | None

    def describe(self) -> dict[str, str]:
        """The attributes that are named: a subset of size, colour, shape."""
        return {k: v for k in ("size", "colour", "shape") if (v := getattr(self, k)) is not None}

    def fits(self, other: "Mention") -> bool:
        """Whether whatever `self` describes is also described by `other`: a small red star is a red star."""
        return other.describe().items() <= self.describe().items()


class Relation(NamedTuple):
    """`kind` holds between mention number `subject` and each of `objects` ("between": both together)."""

    kind: str
    subject: int
    objects: tuple[int, ...]


@dataclasses.dataclass
class Statements:
    """What a caption says. `places` are (mention, place); `totals` say how many things there are in all."""

    mentions: list[Mention] = dataclasses.field(default_factory=list)
    relations: list[Relation] = dataclasses.field(default_factory=list)
    places: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    totals: list[int] = dataclasses.field(default_factory=list)
    unread: list[str] = dataclasses.field(default_factory=list)


def parse(caption: str) -> Statements:
    """What `caption` states; never raises.

    >>> parse("a red star left of two boxes").relations
    [Relation(kind='left', subject=0, objects=(1,))]
    >>> parse("a red star of the blue of").unread
    ['of the blue of']
    """
    return _Reader(_names(_tokens(caption))).read()


class _Token(NamedTuple):
    kind: str
    value: object
    text: str


def _phrases() -> dict[tuple[str, ...], tuple[str, object]]:
    """Every phrase of words.py, as a tuple of words, with its kind and meaning."""
    table = {}

    def add(kind: str, meaning: object, spellings: tuple[str, ...]) -> None:
        for spelling in spellings:
            table[tuple(spelling.split())] = (kind, meaning)

    for kind, meanings in (
        ("count", words.COUNTS), ("size", words.SIZE_WORDS),
        ("relation", words.RELATION_WORDS), ("place", words.PLACE_WORDS), ("there", words.THERE),
        ("there", words.ALSO), ("verb", words.VERBS), ("pronoun", words.PRONOUNS),
    ):  # fmt: skip
        for meaning, spellings in meanings.items():
            add(kind, meaning, spellings)
    for shape, nouns in (*words.NOUNS.items(), (None, words.ANY_NOUN)):
        for singular, plural in nouns:
            add("noun", (1, shape), (singular,))
            add("noun", (2, shape), (plural,))
    for colour in words.COLOURS:
        add("colour", colour, (colour,))
    add("count", 1, words.ARTICLES)
    add("opening", None, words.OPENINGS)
    add("and", None, ("and", *words.JOINED))
    add("with", None, ("with",))
    add("between", None, ("between",))
    return table


_PHRASES = _phrases()
_LONGEST = max(len(phrase) for phrase in _PHRASES)
_CLAUSE_STARTS = ("mention", "place", "relation", "there")
_PREDICATE_STARTS = ("relation", "place", "between", "verb", "with")


def _tokens(caption: str) -> list[_Token]:
    """The longest phrases that fit, from the left; any other word is a token of the kind "unknown"."""
    spelled = "".join(" " if character in ",.:;!?" else character for character in caption.lower()).split()
    tokens, at = [], 0
    while at < len(spelled):
        for length in range(min(_LONGEST, len(spelled) - at), 0, -1):
            phrase = tuple(spelled[at : at + length])
            if phrase in _PHRASES:
                tokens.append(_Token(*_PHRASES[phrase], " ".join(phrase)))
                break
        else:
            length = 1
            tokens.append(_Token("unknown", None, spelled[at]))
        at += length
    return tokens


def _names(tokens: list[_Token]) -> list[_Token]:
    """Joins count, size, colour and noun into one token: a "mention", or a "total" ("three shapes")."""
    joined, at = [], 0
    while at < len(tokens):
        end, values = at, {}
        for kind in ("count", "size", "colour", "noun"):
            if end < len(tokens) and tokens[end].kind == kind:
                values[kind] = tokens[end].value
                end += 1
            elif kind in ("count", "noun"):
                break
        if "noun" in values and values["noun"][0] == words.few(values["count"]):
            mention = Mention(values["count"], values.get("size"), values.get("colour"), values["noun"][1])
            kind = "mention" if mention.describe() else "total"
            joined.append(_Token(kind, mention, " ".join(token.text for token in tokens[at:end])))
            at = end
        else:
            joined.append(tokens[at])
            at += 1
    return joined


class _Reader:
    """Recursive descent over the tokens, one method a rule of the grammar above."""

    def __init__(self, tokens: list[_Token]):
        self.tokens, self.at = tokens, 0
        self.statements = Statements()
        self.last_unread = -2

    def read(self) -> Statements:
        self.caption()
        return self.statements

    def kind(self, ahead: int = 0) -> str:
        position = self.at + ahead
        return self.tokens[position].kind if position < len(self.tokens) else "end"

    def sees(self, *kinds: str) -> bool:
        """Whether the next tokens are of these kinds; "there|verb" is either."""
        return all(self.kind(ahead) in kind.split("|") for ahead, kind in enumerate(kinds))

    def take(self) -> object:
        self.at += 1
        return self.tokens[self.at - 1].value

    def skip(self) -> None:
        """Keeps a token that means nothing here; neighbours become one entry."""
        text = self.tokens[self.at].text
        if self.last_unread == self.at - 1:
            self.statements.unread[-1] += " " + text
        else:
            self.statements.unread.append(text)
        self.last_unread = self.at
        self.at += 1

    def name(self) -> int:
        """Takes a mention and gives its number."""
        self.statements.mentions.append(self.take())
        return len(self.statements.mentions) - 1

    def caption(self) -> None:
        if self.sees("opening|there", "mention|total"):
            self.take()
        if self.sees("total"):
            self.statements.totals.append(self.take().count)
        first = True
        while self.kind() != "end":
            if not first and self.kind() == "and" and self.kind(1) in _CLAUSE_STARTS:
                self.take()
                if self.sees("there", "mention"):
                    self.take()
            if not self.clause():
                self.skip()
            first = False

    def clause(self) -> bool:
        if self.sees("place", "there|verb", "mention"):
            place = self.take()
            self.take()
            self.statements.places.append((self.name(), place))
        elif self.sees("relation", "mention", "there|verb", "mention"):
            relation, other = self.take(), self.name()
            self.take()
            self.statements.relations.append(Relation(relation, self.name(), (other,)))
        elif self.sees("mention"):
            self.predicate(self.name())
        else:
            return False
        return True

    def predicate(self, subject: int) -> None:
        if self.sees("with", "mention", "relation", "pronoun"):
            self.take()
            self.around(subject)
            while self.sees("and", "mention", "relation", "pronoun"):
                self.take()
                self.around(subject)
            return
        if self.kind() == "verb" and self.kind(1) in ("relation", "place", "between"):
            self.take()
        if self.sees("relation", "mention"):
            relation, objects = self.take(), [self.name()]
            while self.sees("and", "mention") and self.kind(2) not in _PREDICATE_STARTS:
                self.take()
                objects.append(self.name())
            self.statements.relations += [Relation(relation, subject, (other,)) for other in objects]
        elif self.sees("place") and not self.sees("place", "there"):
            self.statements.places.append((subject, self.take()))
        elif self.sees("between", "mention", "and", "mention"):
            self.take()
            first = self.name()
            self.take()
            self.statements.relations.append(Relation("between", subject, (first, self.name())))

    def around(self, centre: int) -> None:
        """One "a blue star above it"; the pronoun is the mention before "with"."""
        other = self.name()
        self.statements.relations.append(Relation(self.take(), other, (centre,)))
        self.take()
