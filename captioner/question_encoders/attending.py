"""The question encoder that looks at the image again before each word."""

import keras
from keras import ops

from captioner.layers.attention import AdditiveAttention
from captioner.layers.repeat import repeat_rows
from captioner.question_encoders.base import QuestionEncoder


@keras.saving.register_keras_serializable("captioner")
class AttendingQuestions(QuestionEncoder):
    """A recurrent network that attends over the grid before it reads each word.

        x_0     = W_0 mean_p(m_p) + b_0                      the image is the first word, read with z = 0
        z_t, a_t = attention(h_(t-1), m)                     context and weights over the P positions
        h_t, s_t = cell([x_t; z_t], s_(t-1))                 x_t: vector of word t

    In both directions there are two such networks, one of which reads backwards; `outputs` and `final` are theirs side
    by side, and the weights returned are the mean of both.

    Args:
        vocabulary_size, embedding_size, embedding, dropout: see `QuestionEncoder`.
        cells: one recurrent cell or `CellStack`, or two of them for both directions.
        attention_size: int, A.

    Returns:
        `(outputs, final, {"attention": (R, T, P)})`.

    Reference: [Zhu et al. 2016](https://arxiv.org/abs/1511.03416), section 4.2, equations 3 to 8.
    """

    uses_memory = True

    def __init__(self, vocabulary_size, embedding_size, cells, attention_size=256, **kwargs):
        super().__init__(vocabulary_size, embedding_size, **kwargs)
        self.cells = list(cells)
        if len(self.cells) not in (1, 2):
            raise ValueError(f"A question is read in one direction or in both, received {len(self.cells)} cells.")
        self.attention_size = attention_size
        self.output_size = sum(cell.output_size for cell in self.cells)
        self.attentions = [AdditiveAttention(attention_size, name=f"attention_{n}") for n in range(len(self.cells))]
        self.image_word = keras.layers.Dense(self.embedding_size, name="image_word")

    def build_reading(self, memory_shape):
        size = memory_shape[-1]
        self.image_word.build((None, size))
        for cell, attention in zip(self.cells, self.attentions, strict=True):
            attention.build((None, cell.output_size), (None, None, size))
            if not cell.built:  # it may come built from a file
                cell.build((None, self.embedding_size + size))

    def read(self, vectors, mask, memory, training):
        image = repeat_rows(self.image_word(ops.mean(memory, axis=1)), vectors.shape[0] // memory.shape[0])
        ahead = self._read(0, image, vectors, mask, memory, training)
        if len(self.cells) == 1:
            outputs, final, looked = ahead
        else:
            turned = self._read(1, image, ops.flip(vectors, axis=1), ops.flip(mask, axis=1), memory, training)
            pairs = zip(ahead, (ops.flip(turned[0], axis=1), turned[1], ops.flip(turned[2], axis=1)), strict=True)
            (*joined, looked) = pairs
            outputs, final = (ops.concatenate(pair, axis=-1) for pair in joined)
            looked = (looked[0] + looked[1]) / 2
        return outputs, final, {"attention": looked}

    def _read(self, direction, image, vectors, mask, memory, training):
        """One direction: outputs, final and weights. T is static and short: unrolled on purpose, as decoders are."""
        cell, attention = self.cells[direction], self.attentions[direction]
        keys = attention.project(memory)
        rows, length = vectors.shape[:2]
        noise = cell.draw_noise(rows, length + 1) if training else None

        def advance(word, context, states, t):
            projected = cell.project(ops.concatenate([word, context], axis=-1))
            return cell.advance(projected, states, *([] if noise is None else [noise[:, t]]))

        nothing = ops.zeros((rows, memory.shape[-1]), dtype=vectors.dtype)
        output, states = advance(image, nothing, cell.get_initial_state(batch_size=rows), 0)
        outputs, looked = [], []
        for t in range(length):
            real = mask[:, t : t + 1]
            context, weights = attention(output, memory, keys)
            _, new = advance(vectors[:, t], context, states, t + 1)
            states = [ops.where(real, one, old) for one, old in zip(new, states, strict=True)]
            output = cell.output_from_state(states)
            outputs.append(output)
            looked.append(weights)
        return ops.stack(outputs, axis=1), output, ops.stack(looked, axis=1)

    def get_config(self):
        cells = [keras.saving.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells, "attention_size": self.attention_size}

    @classmethod
    def from_config(cls, config):
        cells = [keras.saving.deserialize_keras_object(cell) for cell in config["cells"]]
        return cls(**{**config, "cells": cells})
