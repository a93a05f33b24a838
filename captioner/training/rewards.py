"""What a written caption is worth while a captioner learns from its own captions."""

from collections.abc import Mapping, Sequence

import numpy as np

from captioner.errors import UserError, nearest
from captioner.metrics.bleu import Bleu
from captioner.metrics.cider import CiderD
from captioner.metrics.ngrams import References, Words
from captioner.text.vocabulary import END

REWARDS = ("cider_d", "bleu_4")


class CaptionReward:
    """A weighted sum of metrics of single captions, the end word counted as a word.

    Without the end word a caption that breaks off in "a dog with a" loses nothing, and the decoder soon ends all its
    captions like that. N-grams of references are counted once, and their document frequencies are those of the
    references given, which should be the training split's.

    Args:
        references: for each image the words of its references.
        weights: `cider_d` (of at most 10) and `bleu_4` (of at most 1) -> weight.

    Raises:
        UserError: an unknown metric, or no weight at all.

    >>> reward = CaptionReward([[["a", "dog", "runs"]], [["a", "cat"]]], {"cider_d": 1.0})
    >>> reward([["a", "dog", "runs"], ["a", "dog", "runs"]], [True, False], [0, 0]).round(2).tolist()
    [10.0, 6.22]
    """

    def __init__(self, references: Sequence[Sequence[Words]], weights: Mapping[str, float]):
        for name in weights:
            if name not in REWARDS:
                raise UserError(f"There is no reward called {name!r}: {', '.join(REWARDS)}.{nearest(name, REWARDS)}")
        self.weights = {name: weight for name, weight in weights.items() if weight}
        if not self.weights:
            raise UserError("training.reward gives every metric the weight 0: there would be nothing to learn from.")
        self._references = References([[[*words, END] for words in given] for given in references])
        self._cider = CiderD.from_references(self._references)

    def __call__(self, captions: Sequence[Words], ended: Sequence[bool], images: Sequence[int]) -> np.ndarray:
        """The rewards `(N,)` of captions of the images with these numbers.

        Args:
            captions: words without the end word.
            ended: whether the caption was ended, and not cut.
            images: numbers in `references`.
        """
        whole = [[*words, END] if done else list(words) for words, done in zip(captions, ended, strict=True)]
        rewards = np.zeros(len(whole))
        if "cider_d" in self.weights:
            rewards += self.weights["cider_d"] * self._cider.score(whole, images)
        if "bleu_4" in self.weights:
            rows = Bleu().rows(whole, self._references, images)
            rewards += self.weights["bleu_4"] * Bleu().per_caption(rows)["bleu_4"]
        return rewards
