"""The question encoder that reads words, pairs of words and triples, in no order."""

import keras
from keras import ops

from captioner.question_encoders.base import QuestionEncoder


@keras.saving.register_keras_serializable("captioner")
class ConvolutionalQuestions(QuestionEncoder):
    """Convolutions over the words of a question, and of each number the greatest.

        h_ct = tanh(W_c [x_t; ...; x_(t+c-1)] + b_c)        c = 1 ... widths; beyond the last word x is zero
        outputs_t = [h_1t; h_2t; ...],    final = max over the real words of outputs_t

    A baseline for recurrent networks: it knows which words stand beside each other and not where. On a few thousand
    questions that is often enough.

    Args:
        vocabulary_size, embedding_size, embedding, dropout: see `QuestionEncoder`.
        units: int. Numbers of each width.
        widths: int. The longest run of words that is seen as one.

    Reference: [Yang et al. 2016](https://arxiv.org/abs/1511.02274), section 3.2.2.
    """

    def __init__(self, vocabulary_size, embedding_size, units, widths=3, **kwargs):
        super().__init__(vocabulary_size, embedding_size, **kwargs)
        if widths < 1:
            raise ValueError(f"`widths` is 1 or more, received {widths}.")
        self.units, self.widths = units, widths
        self.output_size = units * widths
        self.convolutions = [
            keras.layers.Dense(units, activation="tanh", name=f"width_{width}") for width in range(1, widths + 1)
        ]

    def build_reading(self, memory_shape):
        for width, convolution in enumerate(self.convolutions, start=1):
            convolution.build((None, None, width * self.embedding_size))

    def read(self, vectors, mask, memory, training):
        real = ops.cast(mask, vectors.dtype)[..., None]
        length = vectors.shape[1]
        ahead = ops.pad(vectors * real, [[0, 0], [0, self.widths - 1], [0, 0]])
        runs = [ahead[:, later : later + length] for later in range(self.widths)]
        seen = [
            convolution(ops.concatenate(runs[:width], axis=-1))
            for width, convolution in enumerate(self.convolutions, start=1)
        ]
        outputs = ops.concatenate(seen, axis=-1)
        final = ops.max(ops.where(mask[..., None], outputs, -1.0), axis=1)  # a tangent is above -1
        return outputs, final, {}

    def get_config(self):
        return {**super().get_config(), "units": self.units, "widths": self.widths}
