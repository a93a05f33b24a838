"""Ids that are sampled piece by piece, as text."""

from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary


class Detokenizer:
    """Ids to text, piece by piece; a document that ends is closed by a line break."""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.tokenizer = get_tokenizer(vocabulary.tokenizer)
        self.words: list[str] = []
        self.returned = 0  # characters of the current document that were returned already

    def add(self, ids) -> str:
        pieces = []
        for number in ids:
            if number == self.vocabulary.end_id:
                pieces += [self._rest(), "\n"]
                self.words, self.returned = [], 0
            else:
                self.words.append(self.vocabulary.words[number])
        return "".join([*pieces, self._rest()])

    def _rest(self) -> str:
        text = self.tokenizer.detokenize(self.words)
        rest = text[self.returned :]
        if self.tokenizer.name == "characters":  # each stands for itself
            self.words, self.returned = [], 0
        else:
            self.returned = len(text)
        return rest
