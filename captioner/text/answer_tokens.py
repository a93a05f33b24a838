"""Answers as words, for networks that write them: what lies between blanks, and commas.

No tokenizer on purpose: an answer counts as right in its own spelling, so its words have to give it back exactly.
"""

from collections.abc import Container, Iterable

from captioner.text.answers import items, plain, with_blanks

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


def known_spelling(answer: str, vocabulary: Container[str]) -> str:
    """An answer as a network has learned it: each member of a set in the first of these spellings of which all words
    are known: its own, with underscores, with blanks. Where none is known it keeps its own.

    >>> known_spelling("Garbage bin, hot_dog", {"garbage_bin", "hot", "dog", ","})
    'garbage_bin, hot dog'
    """
    if all(word in vocabulary for word in answer_words(answer)):
        return plain(answer)
    spelled = []
    for item in items(answer):
        others = ("_".join(item.split()), with_blanks(item))
        spelled.append(next((each for each in others if all(word in vocabulary for word in answer_words(each))), item))
    return f"{COMMA} ".join(spelled)


def join_answer(words: Iterable[str]) -> str:
    """The answer that words spell; that of `answer_words(answer)` is `plain(answer)`.

    >>> join_answer(["book", ",", "garbage_bin"])
    'book, garbage_bin'
    """
    return plain(" ".join(words).replace(" " + COMMA, COMMA))
