"""Options of sampling, and sampled ids as text."""

from captioner.errors import UserError
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary


def checked_options(temperature: float, top_k: int, top_p: float) -> dict[str, float]:
    """The options of a sample.

    Raises:
        UserError: one is out of range.
    """
    if not 0 <= temperature < float("inf"):
        raise UserError(f"The temperature is {temperature}; it is a number from 0 up.")
    if top_k < 0:
        raise UserError(f"top-k is {top_k}; it is the number of words to draw from, or 0 for all.")
    if not 0 < top_p <= 1:
        raise UserError(f"top-p is {top_p}; it is a share above 0 and at most 1.")
    return {"temperature": float(temperature), "top_k": int(top_k), "top_p": float(top_p)}


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
