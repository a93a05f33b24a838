"""Fusions that leave something out: what they reach is how much can be guessed."""

import keras
from keras import ops

from captioner.fusions.base import Fusion
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class QuestionAlone(Fusion):
    """The question's vector through one layer: `tanh(q W + b)`.

    With a question encoder that looks at the image (`vis_lstm`, `attending`) it is all that is needed; with one that
    does not, the image is never seen, and the score tells how much the question gives away.

    Args:
        size, dropout: see `Fusion`.
    """

    uses_memory = False

    def __init__(self, size, dropout=0.0, grid=None, **kwargs):
        super().__init__(size, dropout, grid, **kwargs)
        self.hidden = keras.layers.Dense(size, activation="tanh", name="hidden")

    def build_joining(self, question_size, memory_shape):
        self.hidden.build((None, question_size))

    def join(self, question, memory, rows, training):
        return self.hidden(question), {}


@keras.saving.register_keras_serializable("captioner")
class ImageAlone(Fusion):
    """The mean of the memory through one layer, the same for every question: `tanh(mean_p(m_p) W + b)`.

    Args:
        size, dropout: see `Fusion`.
    """

    uses_question = False

    def __init__(self, size, dropout=0.0, grid=None, **kwargs):
        super().__init__(size, dropout, grid, **kwargs)
        self.hidden = keras.layers.Dense(size, activation="tanh", name="hidden")

    def build_joining(self, question_size, memory_shape):
        self.hidden.build((None, memory_shape[-1]))

    def join(self, question, memory, rows, training):
        return repeat_rows(self.hidden(ops.mean(memory, axis=1)), rows // memory.shape[0]), {}
