"""What a written caption is worth while a captioner learns from its own captions."""

from collections.abc import Mapping, Sequence

import numpy as np

from captioner.errors import UserError, alternatives
from captioner.metrics import METRICS
from captioner.metrics.base import Metric
from captioner.metrics.ngrams import References, Words
from captioner.text.vocabulary import END


def rewards() -> dict[str, type[Metric]]:
    """The scores that can reward a caption -> their metrics: fast ones that say something of one caption alone."""
    metrics = [metric for metric in map(METRICS.get, METRICS.names()) if metric.in_training]
    return {score.name: metric for metric in metrics for score in metric.scores if score.per_item}


class CaptionReward:
    """A weighted sum of metrics of single captions, the end word counted as a word.

    Without the end word a caption that breaks off in "a dog with a" loses nothing, and the decoder soon ends all its
    captions like that. N-grams of references are counted once, and their document frequencies are those of the
    references given, which should be the training split's.

    Args:
        references: for each image the words of its references.
        weights: name in `rewards()`, such as `cider_d` (of at most 10) or `bleu_4` (of at most 1) -> weight.

    Raises:
        UserError: an unknown metric, or no weight at all.

    >>> reward = CaptionReward([[["a", "dog", "runs"]], [["a", "cat"]]], {"cider_d": 1.0})
    >>> reward([["a", "dog", "runs"], ["a", "dog", "runs"]], [True, False], [0, 0]).round(2).tolist()
    [10.0, 6.22]
    """

    def __init__(self, references: Sequence[Sequence[Words]], weights: Mapping[str, float]):
        choices = rewards()
        for name in weights:
            if name not in choices:
                raise UserError(f"There is no reward called {name!r}.{alternatives(name, choices)}")
        self.weights = {name: weight for name, weight in weights.items() if weight}
        if not self.weights:
            raise UserError("training.reward gives every metric the weight 0: there would be nothing to learn from.")
        self._references = References([[[*words, END] for words in captions] for captions in references])
        self._metrics = {name: choices[name].for_corpus(self._references) for name in self.weights}

    def __call__(self, captions: Sequence[Words], ended: Sequence[bool], images: Sequence[int]) -> np.ndarray:
        """The rewards `(N,)` of captions of the images with these numbers.

        Args:
            captions: words without the end word.
            ended: whether the caption was ended, and not cut.
            images: numbers in `references`.
        """
        whole = [[*words, END] if done else list(words) for words, done in zip(captions, ended, strict=True)]
        total = np.zeros(len(whole))
        for name, metric in self._metrics.items():
            total += self.weights[name] * metric.per_item(metric.rows(whole, self._references, images))[name]
        return total
