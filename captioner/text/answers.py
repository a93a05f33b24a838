"""Answers to questions about images: when two are the same, and the list of those that a model chooses from.

`answers.txt` holds one answer a line in the order of their numbers, most frequent first.
"""

import functools
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.text.comparable import comparable
from captioner.text.files import read_text

_SEPARATOR = re.compile(r"\s*(?:(?<!\d),|,(?!\d))\s*")  # a comma between digits separates nothing: 1,000
_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(\.[0-9]+)?")
_NUMBER_WORDS = frozenset(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
)
_CACHED = 1 << 17  # spellings, more than a data set has
_REMEDY = "Copy the file from the original model."


@functools.lru_cache(maxsize=_CACHED)
def plain(answer: str) -> str:
    """An answer in one spelling: lower case, single blanks, no full stop at its end, nothing that cannot be seen.

    Underscores stay, as data sets have them: `with_blanks` is for people.

    >>> [plain(answer) for answer in ("Wood.", " book,scissor ", "1,000", "...", "Garbage_bin")]
    ['wood', 'book, scissor', '1,000', '...', 'garbage_bin']
    """
    return _without_stop(_SEPARATOR.sub(", ", comparable(answer.lower())).strip())


def with_blanks(answer: str) -> str:
    """An answer as people write it: data sets of single words, such as DAQUAR, join those of a phrase by underscores.

    >>> with_blanks("bottle_of_liquid, Lamp")
    'bottle of liquid, Lamp'
    """
    return " ".join(answer.replace("_", " ").split()) or answer if "_" in answer else answer


def items(answer: str) -> list[str]:
    """The members of an answer that is a set, written with commas; of any other, itself. Stops and underscores alone
    are no member.

    >>> items("book, scissor"), items("Wood."), items("1,000")
    (['book', 'scissor'], ['wood'], ['1,000'])
    """
    text = plain(answer)
    return [item.strip(" ").rstrip(". ") for item in _SEPARATOR.split(text) if item.strip("._ ")] or [text]


def _without_stop(text: str) -> str:
    return text.rstrip(". ") or text


@functools.lru_cache(maxsize=_CACHED)
def answer_key(answer: str) -> str:
    """What two answers have in common if and only if they are the same: neither the order in a set says anything nor
    whether blanks or underscores part the words.

    >>> answer_key("pillow, night_stand") == answer_key("Night stand, pillow."), answer_key("1,000")
    (True, '1,000')
    """
    text = plain(with_blanks(plain(answer)))
    return ", ".join(sorted(set(items(text)))) if "," in text else text


def agreed(answers: Sequence[str]) -> str:
    """What most people answered, as the first of them wrote it; of equally many, what was said first.

    >>> agreed(["red", "Dark red", "dark red.", "red", "blue"]), agreed(["on", "off"])
    ('red', 'on')

    Raises:
        ValueError: nobody answered.
    """
    if not answers:
        raise ValueError("Nobody answered: there is nothing to agree on.")
    spelled: dict[str, str] = {}
    votes: Counter[str] = Counter()
    for answer in answers:
        key = answer_key(answer)
        spelled.setdefault(key, plain(answer))
        votes[key] += 1
    return spelled[votes.most_common(1)[0][0]]


def one_word(answer: str) -> bool:
    """Whether an answer is a single word to its data set: no set, no phrase. An underscore joins words to one, as in
    DAQUAR.

    >>> [one_word(answer) for answer in ("garbage_bin", "book, scissor", "hot dog")]
    [True, False, False]
    """
    return not re.search(r"[,\s]", plain(answer))


def answer_type(answer: str) -> str:
    """`yes/no`, `number` or `other`: the three types of VQA, told by the answer alone.

    >>> [answer_type(answer) for answer in ("Yes", "two", "11", "red")]
    ['yes/no', 'number', 'number', 'other']
    """
    text = plain(answer)
    if text in ("yes", "no"):
        return "yes/no"
    return "number" if text in _NUMBER_WORDS or _NUMBER.fullmatch(text) else "other"


_ASKS_NUMBER = re.compile(r"(.*[\s,])?(how many|what number of|what is the number of)\b")
_ASKS_YES_NO = re.compile(
    r"(is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)(n't|n’t)?\b"
)
_ALTERNATIVES = re.compile(r"\bor\b")


def expected_type(question: str) -> str:
    """The type of answer that the form of a question asks for, `yes/no` or `number`; "" where it leaves that open.

    >>> [expected_type(text) for text in ("Is it raining?", "How many dogs are there?", "Is it red or blue?", "Who?")]
    ['yes/no', 'number', '', '']
    """
    text = " ".join(question.lower().split())
    if _ASKS_NUMBER.match(text):
        return "number"
    return "yes/no" if _ASKS_YES_NO.match(text) and not _ALTERNATIVES.search(text) else ""


class AnswerList:
    """The answers that a model chooses from, numbered from 0.

    Args:
        answers: each once, as the data set spells them.

    Attributes:
        answers: as people read them, with blanks for underscores.
        spellings: as the data set spells them, in lower case.
    """

    def __init__(self, answers: Sequence[str]):
        self.spellings = tuple(map(plain, answers))
        self.answers = tuple(map(with_blanks, self.spellings))
        self._numbers = {answer_key(answer): number for number, answer in enumerate(self.answers)}
        self._types = tuple(map(answer_type, self.answers))
        if len(self._numbers) < len(self.answers) or "" in self._numbers:
            raise ValueError(
                f"A list of answers holds each answer once, none empty; received {len(self.answers)} answers, "
                f"{len(self._numbers)} of them different."
            )

    @classmethod
    def from_answers(
        cls, answers: Iterable[Sequence[str]], size: int | None = None, minimum_count: int = 1
    ) -> "AnswerList":
        """The most frequent answers, equally frequent ones by alphabet.

        Args:
            answers: what people answered to each question of the training split, and of no other: nothing here
                knows of splits. The answer that most agreed on counts; a question that nobody answered does not.
            size: how many to keep at most, the K of "top K".
            minimum_count: answers to fewer questions are left out.

        >>> AnswerList.from_answers([["red"], ["Red."], ["two", "2", "two"], ["blue"]], size=2).answers
        ('red', 'blue')
        """
        counts: Counter[str] = Counter()
        spelled: dict[str, Counter[str]] = {}
        for given in answers:
            if given:
                answer = agreed(given)
                key = answer_key(answer)
                counts[key] += 1
                spelled.setdefault(key, Counter())[answer] += 1
        kept = [key for key, count in counts.items() if count >= minimum_count]
        kept.sort(key=lambda key: (-counts[key], key))
        return cls([spelled[key].most_common(1)[0][0] for key in kept[:size]])

    def __len__(self) -> int:
        return len(self.answers)

    def __contains__(self, answer: str) -> bool:
        return answer_key(answer) in self._numbers

    def __eq__(self, other) -> bool:
        return self.spellings == other.spellings if isinstance(other, AnswerList) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.spellings)

    def __repr__(self) -> str:
        return f"<AnswerList of {len(self)} answers>"

    def encode(self, answer: str) -> int | None:
        """The number of an answer; None if it is not in the list."""
        return self._numbers.get(answer_key(answer))

    def fitting(self, question: str) -> list[int]:
        """The numbers of the answers that fit the form of a question; of all, where fewer than two do or it is open.

        >>> AnswerList(["yes", "red", "2", "no"]).fitting("Is it red?")
        [0, 3]
        """
        wanted = expected_type(question)
        fitting = [number for number, kind in enumerate(self._types) if kind == wanted]
        return fitting if len(fitting) > 1 else list(range(len(self)))

    def decode(self, number: int) -> str:
        """The answer of a number, as people read it.

        Raises:
            IndexError: there is no such number.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"Answers are numbered 0 to {len(self) - 1}, received {number}.")
        return self.answers[int(number)]

    def ceiling(self, answers: Iterable[Sequence[str]]) -> float:
        """The share of questions whose agreed answer is in the list: a model that chooses from it can reach no
        more. Questions that nobody answered do not count; 0 if there are no others.

        Args:
            answers: what people answered to each question.
        """
        reached = [agreed(given) in self for given in answers if given]
        return sum(reached) / len(reached) if reached else 0.0

    def save(self, path: str | os.PathLike) -> None:
        """Writes `answers.txt` as a whole."""
        lines = (answer + "\n" for answer in self.spellings)  # blanks of all kinds became one: no line breaks inside
        atomic_write(Path(path), "".join(lines).encode("utf-8", "surrogatepass"))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "AnswerList":
        """Reads what `save` wrote.

        Raises:
            UserError: the file cannot be read or is damaged; the message names the file and the line.
        """
        lines = read_text(path, errors="surrogatepass").split("\n")
        if lines[-1] == "":
            lines.pop()
        seen: dict[str, int] = {}
        for number, line in enumerate(lines, start=1):
            key = answer_key(line)
            if not key:
                raise UserError(f"{path}:{number}: an empty line. {_REMEDY}")
            if key in seen:
                raise UserError(f"{path}:{number}: {line[:40]!r} was on line {seen[key]} already. {_REMEDY}")
            seen[key] = number
        return cls(lines)
