r"""The words that a model knows, and their ids.

`vocabulary.txt` holds one word a line in id order, the four special words first. A backslash in a word is
written `\\`, a line break `\n` or `\r`, so that every word has exactly one line.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from captioner.arguments import checked_texts
from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.text.files import read_text
from captioner.text.tokenizers import get_tokenizer

PAD, START, END, UNKNOWN = SPECIALS = ("<pad>", "<start>", "<end>", "<unk>")

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_ESCAPED = {written: mark for mark, written in _ESCAPES.items()}
_REMEDY = "Copy the file from the original model."


class Vocabulary:
    """Words and their ids: `<pad>`, `<start>`, `<end>`, `<unk>` are 0 to 3, then `words` in the order given.

    A special word that somebody typed in a caption ("<end>") is an unknown word, never the special one.

    Args:
        words: the words without the four special ones, each once.
        tokenizer: name of the tokenizer that made them; the scorer uses the same.
    """

    pad_id, start_id, end_id, unknown_id = range(4)

    def __init__(self, words: Sequence[str], tokenizer: str = "ptb"):
        words = checked_texts("words", words)
        self.words = (*SPECIALS, *words)
        self.tokenizer = tokenizer
        self._text_tokenizer = get_tokenizer(tokenizer)
        self._ids = {word: number for number, word in enumerate(self.words) if number >= len(SPECIALS)}
        if "" in self._ids or not self._ids.keys().isdisjoint(SPECIALS) or len(self._ids) < len(words):
            twice = [word for word, count in Counter(self.words).items() if count > 1]
            raise ValueError(
                f"A vocabulary holds each word once, none empty, and adds {', '.join(SPECIALS)} by itself; "
                f"received {len(words)} words, more than once: {twice[:5]}, empty: {list(words).count('')}."
            )

    @classmethod
    def from_captions(
        cls,
        captions: Iterable[str],
        tokenizer: str = "ptb",
        minimum_count: int = 1,
        maximum_size: int | None = None,
    ) -> "Vocabulary":
        """The words of `captions`, the most frequent first, equally frequent ones by alphabet.

        Args:
            captions: those of the training split only: nothing here knows of splits.
            tokenizer: name of the tokenizer.
            minimum_count: words that occur less often are left out, and will be `<unk>` to the model.
            maximum_size: how many words to keep at most, beside the special ones.

        >>> Vocabulary.from_captions(["A dog runs.", "a dog", "a cat"], minimum_count=2).words[4:]
        ('a', 'dog')
        """
        if isinstance(captions, str):
            checked_texts("captions", captions)  # refuses it: its letters would be captions
        tokenize = get_tokenizer(tokenizer).tokenize
        counts = Counter(word for caption in captions for word in tokenize(caption))
        kept = [word for word, count in counts.items() if count >= minimum_count and word not in SPECIALS]
        kept.sort(key=lambda word: (-counts[word], word))
        return cls(kept[:maximum_size], tokenizer)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids or word in SPECIALS

    def __eq__(self, other) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.words, self.tokenizer) == (other.words, other.tokenizer)

    def __hash__(self) -> int:
        return hash((self.words, self.tokenizer))

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self)} words, tokenizer {self.tokenizer}>"

    def encode(self, caption: str, max_length: int) -> list[int]:
        """A caption as exactly `max_length` ids: start, words, end, padding.

        With `max_length=5`:
            "a dog"             -> [start, a, dog, end, pad]
            "a dog runs"        -> [start, a, dog, runs, end]
            "a dog runs fast"   -> [start, a, dog, runs, fast]      # cut: no end

        A cut caption has no end word on purpose: teaching the model to stop in the middle of a sentence makes
        every long caption shorter at test time.

        >>> vocabulary = Vocabulary(["a", "dog", "runs", "fast"])
        >>> [vocabulary.encode(caption, 5) for caption in ("a dog", "a dog runs", "a dog runs fast")]
        [[1, 4, 5, 2, 0], [1, 4, 5, 6, 2], [1, 4, 5, 6, 7]]
        """
        ids = [self.start_id, *self.encode_words(self._text_tokenizer.tokenize(caption)), self.end_id]
        return ids[:max_length] + [self.pad_id] * (max_length - len(ids))

    def encode_words(self, words: Iterable[str]) -> list[int]:
        """The id of each word; `unknown_id` for words that are not in the vocabulary."""
        return [self._ids.get(word, self.unknown_id) for word in words]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of `ids` up to the first end word, without padding and start words.

        >>> Vocabulary(["a", "dog"]).decode([1, 4, 5, 3, 2, 4, 0])
        ['a', 'dog', '<unk>']
        """
        words = []
        for number in map(int, ids):
            if number == self.end_id:
                break
            if number < 0:
                raise IndexError(f"Word ids are 0 to {len(self) - 1}, received {number}.")
            if number not in (self.pad_id, self.start_id):
                words.append(self.words[number])
        return words

    def text(self, ids: Iterable[int]) -> str:
        """The caption that `ids` spell."""
        return self._text_tokenizer.detokenize(self.decode(ids))

    def extended(self, other_words: Iterable[str]) -> "Vocabulary":
        """A vocabulary that knows `other_words` too: known words keep their ids, new ones follow in order.

        >>> Vocabulary(["a", "dog"]).extended(["cat", "a"]).words[4:]
        ('a', 'dog', 'cat')
        """
        new = (word for word in dict.fromkeys(other_words) if word not in self)
        return Vocabulary((*self.words[len(SPECIALS) :], *new), self.tokenizer)

    def unknown_rate(self, captions: Iterable[str]) -> float:
        """The share of the words of `captions` that are not in the vocabulary; 0 if there are no words."""
        words = [word for caption in captions for word in self._text_tokenizer.tokenize(caption)]
        return sum(word not in self._ids for word in words) / max(1, len(words))

    def save(self, path: str | os.PathLike) -> None:
        """Writes `vocabulary.txt` as a whole. The tokenizer's name is kept by the preset, in `config.json`."""
        lines = (re.sub(r"[\\\n\r]", lambda found: _ESCAPES[found[0]], word) + "\n" for word in self.words)
        # surrogatepass: a word may come from a file name or a broken file that is not proper Unicode.
        atomic_write(Path(path), "".join(lines).encode("utf-8", "surrogatepass"))

    @classmethod
    def load(cls, path: str | os.PathLike, tokenizer: str) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
            UserError: the file is damaged; the message names the file and the line.
        """
        # A raw \r is no part of a word, which has it escaped: an editor or git changed the line ends.
        lines = read_text(path, errors="surrogatepass").split("\n")
        if lines[-1] == "":
            lines.pop()
        words: dict[str, int] = {}
        for number, line in enumerate(lines, start=1):
            word = _unescape(line)
            if number <= len(SPECIALS) and word != SPECIALS[number - 1]:
                problem = f"expected the special word {SPECIALS[number - 1]}, found {line[:40]!r}"
            elif not word:
                problem = "an empty line" if word == "" else f"a backslash with no meaning in {line[:40]!r}"
            elif word in words:
                problem = f"the word {word[:40]!r} was on line {words[word]} already"
            else:
                words[word] = number
                continue
            raise UserError(f"{path}:{number}: {problem}. {_REMEDY}")
        if len(words) < len(SPECIALS):
            raise UserError(f"{path}:{len(lines) + 1}: the file ends before {SPECIALS[len(words)]}. {_REMEDY}")
        return cls(tuple(words)[len(SPECIALS) :], tokenizer)


def _unescape(line: str) -> str | None:
    """The word that a line spells, or None if it holds a backslash that `save` never writes."""
    if "\\" not in line:
        return line
    pieces = re.findall(r"\\.?|[^\\]+", line)
    if any(piece[0] == "\\" and piece not in _ESCAPED for piece in pieces):
        return None
    return "".join(_ESCAPED.get(piece, piece) for piece in pieces)
