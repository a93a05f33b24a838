"""Answers as words, for networks that write them: what lies between blanks, and commas.

No tokenizer on purpose: an answer counts as right in its own spelling, so its words have to give it back exactly.
"""

from collections.abc import Iterable

from captioner.text.answers import plain

COMMA = ","


def answer_words(answer: str) -> list[str]:
    """The words of an answer.

    >>> answer_words("Book, garbage_bin"), answer_words("1,000 people")
    (['book', ',', 'garbage_bin'], ['1,000', 'people'])
    """
    words = []
    for piece in plain(answer).split():
        bare = piece.rstrip(COMMA)
        words += ([bare] if bare else []) + [COMMA] * (len(piece) - len(bare))
    return words


def join_answer(words: Iterable[str]) -> str:
    """The answer that words spell; that of `answer_words(answer)` is `plain(answer)`.

    >>> join_answer(["book", ",", "garbage_bin"])
    'book, garbage_bin'
    """
    return plain(" ".join(words).replace(" " + COMMA, COMMA))
