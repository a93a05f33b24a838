"""Learning from all ten people's answers."""

from collections import Counter
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from captioner.text.answers import AnswerList, answer_key

ENOUGH = 3.0  # people who agree, from which on VQA accuracy counts an answer as right


def soft_targets(answers: Sequence[Sequence[str]], answer_list: AnswerList) -> np.ndarray:
    """For each question how right each answer of the list is: min(1, people who gave it / 3), float32 `(N, K)`.

    Where fewer than three people were asked, the share of them who gave it.
    """
    targets = np.zeros((len(answers), len(answer_list)), "float32")
    for row, of_question in zip(targets, answers, strict=True):
        for key, right in rightness(of_question).items():
            number = answer_list.encode(key)
            if number is not None:
                row[number] = right
    return targets


def base_rate_logits(answers: Sequence[Sequence[str]], answer_list: AnswerList) -> np.ndarray:
    """Scores `(K,)` with which each answer is as probable as it is right on average: where training begins.

    From scores of 0, half of all answers at once, an epoch or two go by until rare answers are improbable.

    Reference: Lin et al. 2017 (https://arxiv.org/abs/1708.02002), section 3.3.
    """
    rates = np.clip(soft_targets(answers, answer_list).mean(axis=0), 1e-4, 1 - 1e-4)
    return np.log(rates / (1 - rates))


def rightness(answers: Sequence[str]) -> dict[str, float]:
    """How right each of the answers that people gave to a question is, by its `answer_key`; see `soft_targets`.

    >>> rightness(["red", "Red.", "red", "blue"])
    {'red': 1.0, 'blue': 0.3333333333333333}
    """
    enough = min(ENOUGH, len(answers))
    return {key: min(1.0, count / enough) for key, count in Counter(map(answer_key, answers)).items()}


@keras.saving.register_keras_serializable("captioner")
class SoftCrossEntropy(keras.losses.Loss):
    """Mean over questions of the cross-entropy of each answer by itself, in nats.

        loss = - 1 / N sum_n sum_k [ y_nk log sigmoid(z_nk) + (1 - y_nk) log sigmoid(-z_nk) ]

    Rows whose targets are negative are padding and do not count.

    Call arguments:
        y_true: `(..., K)`, how right each answer is.
        y_pred: logits `(..., K)`.

    Reference: [Teney et al. 2018](https://arxiv.org/abs/1708.02711), section 3.3.
    """

    def __init__(self, name="soft_cross_entropy", **kwargs):
        super().__init__(name=name, reduction=None)

    def call(self, y_true, y_pred):
        logits, targets = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        real = ops.cast(targets[..., 0] >= 0, "float32")
        each = ops.softplus(logits) - targets * logits
        return ops.sum(ops.sum(each, axis=-1) * real) / ops.maximum(ops.sum(real), 1.0)

    def get_config(self):
        return {"name": self.name}
