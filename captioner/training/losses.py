"""What training makes small."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class MaskedCrossEntropy(keras.losses.Loss):
    """Mean cross-entropy a word, in nats; padding does not count.

        loss = - 1 / N sum_n [ (1 - s) log p(y_n) + s / V sum_v log p(v) ]

    N counts the targets that are not padding: the mask comes from the targets, so that the end word is learned and the
    word after it is not.

    Args:
        label_smoothing: float, s. Share of the probability that is spread evenly over all V words
            (Szegedy et al. 2016, section 7).
        pad_id: int. The target that does not count.

    Call arguments:
        y_true: int `(..., T)`.
        y_pred: logits `(..., T, V)`.
    """

    def __init__(self, label_smoothing=0.0, pad_id=0, name="masked_cross_entropy", **kwargs):
        super().__init__(name=name, reduction=None)
        self.label_smoothing = label_smoothing
        self.pad_id = pad_id

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "int32")
        log_probabilities = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        right = ops.squeeze(ops.take_along_axis(log_probabilities, ops.maximum(y_true, 0)[..., None], axis=-1), axis=-1)
        aimed = (1.0 - self.label_smoothing) * right
        if self.label_smoothing:
            aimed = aimed + self.label_smoothing * ops.mean(log_probabilities, axis=-1)
        real = ops.cast(y_true != self.pad_id, "float32")
        return -ops.sum(aimed * real) / ops.maximum(ops.sum(real), 1.0)

    def get_config(self):
        return {"name": self.name, "label_smoothing": self.label_smoothing, "pad_id": self.pad_id}


@keras.saving.register_keras_serializable("captioner")
class PolicyGradient(keras.losses.Loss):
    """The loss whose gradient is that of the expected reward, turned round (REINFORCE).

        loss = - 1 / N sum_n advantage_n log p(y_n)

    y are words that the model drew itself, N their number, and the advantage of a caption, the same for all its words,
    is what it was rewarded beyond a baseline. The value itself means nothing; only its gradient does.

    Args:
        pad_id: int. The target that does not count.

    Call arguments:
        y_true: int `(B, C, T)`.
        y_pred: logits `(B, C, T, V)`.
        sample_weight: advantages `(B, C)`.

    Reference: Williams 1992; for captions [Rennie et al. 2017](https://arxiv.org/abs/1612.00563), section 3.
    """

    def __init__(self, pad_id=0, name="policy_gradient", **kwargs):
        super().__init__(name=name, reduction=None)
        self.pad_id = pad_id

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        log_probabilities = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        drawn = ops.squeeze(ops.take_along_axis(log_probabilities, y_true[..., None], axis=-1), axis=-1)
        real = ops.cast(y_true != self.pad_id, "float32")
        return -ops.sum(sample_weight[..., None] * drawn * real) / ops.maximum(ops.sum(real), 1.0)

    def get_config(self):
        return {"name": self.name, "pad_id": self.pad_id}
