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
import re
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
    """What a caption says. `places` are (mention, place); `totals` say how many things there are in all.

    words: where it is said: (kind, number in the list of that kind) -> the numbers of the words; a mention has them for
        each of "count", "size", "colour" and "shape".
    """

    mentions: list[Mention] = dataclasses.field(default_factory=list)
    relations: list[Relation] = dataclasses.field(default_factory=list)
    places: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    totals: list[int] = dataclasses.field(default_factory=list)
    unread: list[str] = dataclasses.field(default_factory=list)
    words: dict[tuple[str, int], tuple[int, ...]] = dataclasses.field(default_factory=dict)


def parse(caption: str) -> Statements:
    """What `caption` states; never raises.

    >>> parse("a red star left of two boxes").relations
    [Relation(kind='left', subject=0, objects=(1,))]
    >>> parse("a red star of the blue of").unread
    ['of the blue of']
    """
    return _Reader(_names(_tokens(caption))).read()


def word_spans(caption: str) -> list[tuple[int, int]]:
    """Where the words of a caption begin and end; punctuation belongs to none.

    >>> word_spans("A dog, red.")
    [(0, 1), (2, 5), (7, 10)]
    """
    return [match.span() for match in re.finditer(r"[^\s,.:;!?]+", caption)]


class _Token(NamedTuple):
    """A phrase of the grammar.

    words: the numbers of its words. parts: those of a joined token's own tokens, by kind.
    """

    kind: str
    value: object
    text: str
    words: tuple[int, ...]
    parts: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 - never changed


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
_ATTRIBUTES = {"noun": "shape"}  # what a token of a name says, where that is not called as its kind
_CLAUSE_STARTS = ("mention", "place", "relation", "there")
_PREDICATE_STARTS = ("relation", "place", "between", "verb", "with")


def _tokens(caption: str) -> list[_Token]:
    """The longest phrases that fit, from the left; any other word is a token of the kind "unknown"."""
    spelled = [caption[begin:end].lower() for begin, end in word_spans(caption)]
    tokens, at = [], 0
    while at < len(spelled):
        for length in range(min(_LONGEST, len(spelled) - at), 0, -1):
            phrase = tuple(spelled[at : at + length])
            if phrase in _PHRASES:
                tokens.append(_Token(*_PHRASES[phrase], " ".join(phrase), tuple(range(at, at + length))))
                break
        else:
            length = 1
            tokens.append(_Token("unknown", None, spelled[at], (at,)))
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
            own = tokens[at:end]
            parts = {_ATTRIBUTES.get(token.kind, token.kind): token.words for token in own}
            spoken = tuple(word for token in own for word in token.words)
            joined.append(_Token(kind, mention, " ".join(token.text for token in own), spoken, parts))
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

    @property
    def taken(self) -> _Token:
        """The token that was taken last."""
        return self.tokens[self.at - 1]

    def skip(self) -> None:
        """Keeps a token that means nothing here; neighbours become one entry."""
        token, unread = self.tokens[self.at], self.statements.unread
        if self.last_unread == self.at - 1:
            unread[-1] += " " + token.text
            self.statements.words["unread", len(unread) - 1] += token.words
        else:
            self.state("unread", unread, token.text, token.words)
        self.last_unread = self.at
        self.at += 1

    def state(self, kind: str, statements: list, statement, words: tuple[int, ...]) -> None:
        """Keeps a statement with the words that make it."""
        self.statements.words[kind, len(statements)] = words
        statements.append(statement)

    def name(self) -> int:
        """Takes a mention and gives its number."""
        number = len(self.statements.mentions)
        self.statements.mentions.append(self.take())
        self.statements.words |= {(kind, number): words for kind, words in self.taken.parts.items()}
        return number

    def place(self, subject: int, place: str, words: tuple[int, ...]) -> None:
        self.state("place", self.statements.places, (subject, place), words)

    def relation(self, kind: str, subject: int, objects: tuple[int, ...], words: tuple[int, ...]) -> None:
        self.state("relation", self.statements.relations, Relation(kind, subject, objects), words)

    def caption(self) -> None:
        if self.sees("opening|there", "mention|total"):
            self.take()
        if self.sees("total"):
            total = self.take().count
            self.state("total", self.statements.totals, total, self.taken.words)
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
            place, words = self.take(), self.taken.words
            self.take()
            self.place(self.name(), place, words)
        elif self.sees("relation", "mention", "there|verb", "mention"):
            relation, words, other = self.take(), self.taken.words, self.name()
            self.take()
            self.relation(relation, self.name(), (other,), words)
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
            relation, words, objects = self.take(), self.taken.words, [self.name()]
            while self.sees("and", "mention") and self.kind(2) not in _PREDICATE_STARTS:
                self.take()
                objects.append(self.name())
            for other in objects:
                self.relation(relation, subject, (other,), words)
        elif self.sees("place") and not self.sees("place", "there"):
            self.place(subject, self.take(), self.taken.words)
        elif self.sees("between", "mention", "and", "mention"):
            self.take()
            words, first = self.taken.words, self.name()
            self.take()
            self.relation("between", subject, (first, self.name()), words)

    def around(self, centre: int) -> None:
        """One "a blue star above it"; the pronoun is the mention before "with"."""
        other = self.name()
        self.relation(self.take(), other, (centre,), self.taken.words)
        self.take()
