"""Learning from captions that the model wrote itself."""

import keras
import numpy as np
from keras import ops

from captioner.decoding.logits_filters import suppress_tokens


@keras.saving.register_keras_serializable("captioner")
class PolicyGradient(keras.losses.Loss):
    """The loss whose gradient is minus that of the expected reward (REINFORCE).

        loss = - 1 / N sum_n advantage_n log p(y_n)

    y are words that the model sampled itself, N their number, and the advantage of a caption, the same for all its
    words, is its reward less a baseline. The value itself means nothing; only its gradient does.

    p is the distribution that the words were sampled from: suppressed words have no part in it. With the softmax over
    all words the estimate would be wrong by E[advantage] d log(1 - p(suppressed)); as sampled captions are mostly
    worse than the greedy one, that makes the unknown word likelier with every step.

    Args:
        pad_id: int. The target that does not count.
        suppressed: ids that are never sampled.
        end_id: int. The word that is never sampled first, as an empty caption is none; None where it may be.
        temperature: float. What the scores were divided by before words were sampled.

    Call arguments:
        y_true: int `(B, C, T)`.
        y_pred: logits `(B, C, T, V)`.
        sample_weight: advantages `(B, C)`.

    Reference: Williams 1992; for captions [Rennie et al. 2017](https://arxiv.org/abs/1612.00563), section 3.
    """

    def __init__(self, pad_id=0, suppressed=(), end_id=None, temperature=1.0, name="policy_gradient", **kwargs):
        super().__init__(name=name, reduction=None)
        self.pad_id = pad_id
        self.suppressed = tuple(suppressed)
        self.end_id = end_id
        self.temperature = temperature

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        scores = ops.cast(y_pred, "float32") / self.temperature + self._suppress(*y_pred.shape[-2:])
        log_probabilities = ops.log_softmax(scores, axis=-1)
        sampled = ops.squeeze(ops.take_along_axis(log_probabilities, y_true[..., None], axis=-1), axis=-1)
        real = ops.cast(y_true != self.pad_id, "float32")
        # Padding may be a suppressed word, whose score is -inf.
        sampled = ops.where(y_true != self.pad_id, sampled, 0.0)
        return -ops.sum(sample_weight[..., None] * sampled) / ops.maximum(ops.sum(real), 1.0)

    def _suppress(self, length, vocabulary_size) -> np.ndarray:
        """What is added to the scores `(T, V)`."""
        added = np.tile(suppress_tokens(vocabulary_size, self.suppressed), (length, 1))
        if self.end_id is not None:
            added[0] = suppress_tokens(vocabulary_size, {*self.suppressed, self.end_id})
        return added

    def get_config(self):
        return {
            "name": self.name,
            "pad_id": self.pad_id,
            "suppressed": list(self.suppressed),
            "end_id": self.end_id,
            "temperature": self.temperature,
        }
