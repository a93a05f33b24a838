"""Words between spaces: for texts that are tokenized already, such as those with a tag for each word."""

from captioner.text.tokenizers import ChunkTokenizer


class _SpaceTokenizer(ChunkTokenizer):
    name = "spaces"

    def normalise(self, text: str) -> str:
        return text

    def split(self, chunk: str) -> list[str]:
        """The chunk itself, with its case and its punctuation.

        >>> SPACES.tokenize("The U.S. , he  said .")
        ['The', 'U.S.', ',', 'he', 'said', '.']
        """
        return [chunk]


SPACES = _SpaceTokenizer()
