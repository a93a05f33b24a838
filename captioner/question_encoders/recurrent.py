"""The question encoder that reads and does not look."""

import keras
from keras import ops

from captioner.question_encoders.base import QuestionEncoder

SUMMARIES = ("output", "states")


@keras.saving.register_keras_serializable("captioner")
class RecurrentQuestions(QuestionEncoder):
    """A recurrent network over the words of a question, deep or in both directions.

        final = what the network puts out after the last word            summary = "output"
              = [h_1; c_1; h_2; c_2; ...], the states of all layers      summary = "states"

    The second is the "deeper LSTM" of Antol et al.: two layers of 512 units are 2,048 numbers.

    Args:
        vocabulary_size, embedding_size, embedding, dropout: see `QuestionEncoder`.
        reader: layer with `read(inputs, mask, training) -> (outputs (R, T, U), final (R, U), states)`.
        summary: "output" or "states".

    Reference: [Antol et al. 2015](https://arxiv.org/abs/1505.00468), section 4.
    """

    def __init__(self, vocabulary_size, embedding_size, reader, summary="output", **kwargs):
        super().__init__(vocabulary_size, embedding_size, **kwargs)
        if summary not in SUMMARIES:
            raise ValueError(f"`summary` is one of {', '.join(SUMMARIES)}, received {summary!r}.")
        self.reader, self.summary = reader, summary
        self.output_size = reader.output_size if summary == "output" else sum(reader.state_sizes())

    def build_reading(self, memory_shape):
        if not self.reader.built:  # it may come built from a file
            self.reader.build((None, None, self.embedding_size))

    def read(self, vectors, mask, memory, training):
        outputs, final, states = self.reader.read(vectors, mask=mask, training=training)
        if self.summary == "states":
            final = ops.concatenate(states, axis=-1)
        return outputs, final, {}

    def get_config(self):
        reader = keras.saving.serialize_keras_object(self.reader)
        return {**super().get_config(), "reader": reader, "summary": self.summary}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "reader": keras.saving.deserialize_keras_object(config["reader"])})
