"""The question encoder for which the image is a word of the question."""

import keras
from keras import ops

from captioner.layers.repeat import repeat_rows
from captioner.question_encoders.base import QuestionEncoder


@keras.saving.register_keras_serializable("captioner")
class ImageAsWordQuestions(QuestionEncoder):
    """The image, as a vector of the size of a word's, is read before the question, and after it once more.

        x_0     = W_0 mean_p(m_p) + b_0            the first word
        x_t     = vector of word t
        x_(T+1) = W_1 mean_p(m_p) + b_1            the last word, with weights of its own, if `image_last`
        final   = what the network puts out after all of them

    With one direction and the image first it is VIS+LSTM, with both directions and the image at both ends 2-VIS+BLSTM.

    Args:
        vocabulary_size, embedding_size, embedding, dropout: see `QuestionEncoder`.
        reader: layer with `read(inputs, mask, training) -> (outputs (R, T, U), final (R, U), states)`.
        image_last: bool. See above.

    Reference: [Ren, Kiros & Zemel 2015](https://arxiv.org/abs/1505.02074), section 4.1.
    """

    uses_memory = True

    def __init__(self, vocabulary_size, embedding_size, reader, image_last=False, **kwargs):
        super().__init__(vocabulary_size, embedding_size, **kwargs)
        self.reader, self.image_last = reader, image_last
        self.output_size = reader.output_size
        self.first = keras.layers.Dense(self.embedding_size, name="image_first")
        self.last = keras.layers.Dense(self.embedding_size, name="image_last") if image_last else None

    def build_reading(self, memory_shape):
        for word in (self.first, self.last):
            if word is not None:
                word.build((None, memory_shape[-1]))
        if not self.reader.built:  # it may come built from a file
            self.reader.build((None, None, self.embedding_size))

    def read(self, vectors, mask, memory, training):
        rows, length = vectors.shape[:2]
        seen = ops.mean(memory, axis=1)
        real = ops.ones_like(mask[:, :1])
        vectors, mask = [self._word(self.first, seen, rows), vectors], [real, mask]
        if self.last is not None:
            vectors.append(self._word(self.last, seen, rows))
            mask.append(real)
        outputs, final, _ = self.reader.read(
            ops.concatenate(vectors, axis=1), mask=ops.concatenate(mask, axis=1), training=training
        )
        return outputs[:, 1 : 1 + length], final, {}

    def _word(self, dense, seen, rows):
        return repeat_rows(dense(seen), rows // seen.shape[0])[:, None]

    def get_config(self):
        reader = keras.saving.serialize_keras_object(self.reader)
        return {**super().get_config(), "reader": reader, "image_last": self.image_last}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "reader": keras.saving.deserialize_keras_object(config["reader"])})
