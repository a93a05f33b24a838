r"""Characters as words: for character language models and for languages without spaces.

Nothing is lost: `detokenize(tokenize(text)) == text`. A line break becomes a word that can be seen ("\n", two
characters long), because a word may not hold a line break.
"""

from collections.abc import Sequence

_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # all that str.splitlines knows
_SEEN = {mark: repr(mark)[1:-1] for mark in _BREAKS}
_BROKEN = {word: mark for mark, word in _SEEN.items()}


class _CharacterTokenizer:
    name = "characters"

    def tokenize(self, text: str) -> list[str]:
        """The characters of `text`, upper and lower case apart.

        >>> print(*CHARACTERS.tokenize("Oh\\nno"))
        O h \\n n o
        """
        return [_SEEN.get(character, character) for character in text]

    def detokenize(self, words: Sequence[str]) -> str:
        return "".join([_BROKEN.get(word, word) for word in words])

    def __repr__(self) -> str:
        return "<tokenizer characters>"


CHARACTERS = _CharacterTokenizer()
