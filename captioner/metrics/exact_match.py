"""What every metric of answers does, and exact match, the simplest of them."""

from collections.abc import Sequence

import numpy as np

from captioner.text.answers import agreed, answer_key

Answers = Sequence[str]


class AnswerMetric:
    """A metric makes a row of numbers from each answer, and scores from any set of rows.

    It is the contract of `captioner.metrics.base.Metric`, with questions instead of captions: `statistics` of one,
    `rows` of many, `combine` to scores. Every column is a score of one question between 0 and 1, and the score of a
    set is its mean; so scores by type and intervals by drawing rows again come free.

    A subclass sets `names`, one a column, and writes `statistics`.
    """

    names: tuple[str, ...]

    def statistics(self, prediction: str, answers: Answers) -> np.ndarray:
        """The row `(F,)` of one answer against what people answered, which is one answer at least."""
        raise NotImplementedError(f"{type(self).__name__} does not define `statistics`.")

    def rows(self, predictions: Sequence[str], answers: Sequence[Answers]) -> np.ndarray:
        """Rows `(N, F)`, float64, of an answer to each of N questions."""
        found = [self.statistics(one, given) for one, given in zip(predictions, answers, strict=True)]
        return np.array(found, dtype=np.float64).reshape(-1, len(self.names))

    def combine(self, rows: np.ndarray) -> dict[str, float]:
        """The scores of the questions whose rows `(N, F)` these are.

        Raises:
            ValueError: there are none.
        """
        if not len(rows):
            raise ValueError("There is no question to score.")
        return dict(zip(self.names, np.mean(rows, axis=0).tolist(), strict=True))

    def per_question(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """For each score its values `(N,)`."""
        return dict(zip(self.names, rows.T, strict=True))


class ExactMatch(AnswerMetric):
    """Whether the answer is the one that most people gave, in one spelling and as a set. A row is `[1 or 0]`.

    It is the accuracy of DAQUAR (`{book, lamp} = {lamp, book}`), of easy-VQA, and of Visual7W, where the prediction
    is one of four choices.

    >>> ExactMatch().statistics("Lamp, book.", ["book, lamp"]).tolist()
    [1.0]
    """

    names = ("exact_match",)

    def statistics(self, prediction, answers):
        return np.array([float(answer_key(prediction) == answer_key(agreed(answers)))])
