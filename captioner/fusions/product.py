"""The product of what was asked and what is seen."""

import keras
from keras import ops

from captioner.fusions.base import Fusion
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class ProductFusion(Fusion):
    """The question's vector times the image's, number by number.

        v        = mean_p(m_p),  v <- v / |v|        if `normalise`
        features = tanh(v W_v + b_v) * tanh(q W_q + b_q)

    Args:
        size, dropout: see `Fusion`.
        normalise: bool. Brings the image's vector to length 1 ("norm I").

    Reference: [Antol et al. 2015](https://arxiv.org/abs/1505.00468), section 4.
    """

    def __init__(self, size, dropout=0.0, grid=None, normalise=True, **kwargs):
        super().__init__(size, dropout, grid, **kwargs)
        self.normalise = normalise
        self.image = keras.layers.Dense(size, activation="tanh", name="image")
        self.question = keras.layers.Dense(size, activation="tanh", name="question")

    def build_joining(self, question_size, memory_shape):
        self.question.build((None, question_size))
        self.image.build((None, memory_shape[-1]))

    def join(self, question, memory, rows, training):
        seen = ops.mean(memory, axis=1)
        if self.normalise:
            seen = seen * ops.rsqrt(ops.maximum(ops.sum(ops.square(seen), axis=-1, keepdims=True), 1e-12))
        return repeat_rows(self.image(seen), rows // memory.shape[0]) * self.question(question), {}

    def get_config(self):
        return {**super().get_config(), "normalise": self.normalise}
