"""Losses."""

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
