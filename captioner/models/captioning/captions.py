"""Captions as text, from the ids that a search or a sampler gives. Loads without Keras."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from captioner.decoding.constraints import IMPOSSIBLE
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Caption:
    """A sentence about an image.

    text: the sentence.
    words: its T words, as the tokenizer counts them.
    score: mean log-probability a word, the end word included, in nats; 0 would be certainty.
    attention: the weights before each word, which sum to 1, if the decoder has attention and they were requested:
        `(T, h, w)` over the grid of the encoder, or `(T, P)` where its P positions form none, as frames do.
    """

    text: str
    words: tuple[str, ...] = field(repr=False)
    score: float
    attention: np.ndarray | None = field(default=None, repr=False, compare=False)

    def rank_score(self, length_penalty: float) -> float:
        """What a search ranks it by, log p / length ** length_penalty, its length with the end word.

        >>> caption = Caption("a dog runs", ("a", "dog", "runs"), score=-0.5)
        >>> caption.rank_score(1.0), caption.rank_score(0.0)
        (-0.5, -2.0)
        """
        return self.score * (len(self.words) + 1) ** (1 - length_penalty)


def captions_of(vocabulary: Vocabulary, outputs: Mapping[str, np.ndarray], row: int, maps=None) -> list[Caption]:
    """The captions of one image, best first, from what a search or a sampler gives of a batch.

    Args:
        outputs: `words`, `lengths`, `log_probabilities` and of a sampler `ended`, as `CaptionSearcher` describes them.
        row: the image's place in the batch.
        maps: attention weights `(K, T, ...)`, or None.
    """
    captions = []
    for index in range(outputs["words"].shape[1]):
        length, total = int(outputs["lengths"][row, index]), float(outputs["log_probabilities"][row, index])
        if total < IMPOSSIBLE / 2:
            continue  # there are fewer captions than beams
        ended = bool(outputs["ended"][row, index]) if "ended" in outputs else True
        words = vocabulary.decode(outputs["words"][row, index, :length])
        captions.append(
            Caption(
                text=get_tokenizer(vocabulary.tokenizer).detokenize(words),
                words=tuple(words),
                score=total / (length + ended),
                attention=None if maps is None else maps[index, :length],
            )
        )
    return captions
