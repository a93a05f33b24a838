"""Heads: from the features of a question and its image to an answer, one of K classes or words."""

import keras
from keras import ops

from captioner.dropout import Dropout
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class ClassHead(keras.layers.Layer):
    """Scores of the K most frequent answers: hidden layers, and a dense one.

    Args:
        classes: int, K.
        hidden: sizes of the hidden layers, the first first.
        activation: of these, "relu" or "tanh".
        dropout: float. Share of values dropped before each layer but the first, which the fusion's own dropout serves.

    Call arguments:
        features: `(R, F)`.

    Returns:
        logits `(R, K)`.
    """

    def __init__(self, classes, hidden=(), activation="relu", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.hidden, self.activation = classes, tuple(hidden), activation
        self.levels = [
            keras.layers.Dense(size, activation=activation, name=f"hidden_{n + 1}") for n, size in enumerate(hidden)
        ]
        self.levels.append(keras.layers.Dense(classes, name="classes"))
        self.dropout = Dropout(dropout, name="dropout")

    def build(self, features_shape):
        size = features_shape[-1]
        for layer in self.levels:
            layer.build((None, size))
            size = layer.units
        self.built = True

    def call(self, features, training=False):
        for n, layer in enumerate(self.levels):
            features = layer(self.dropout(features, training=training) if n else features)
        return features

    def get_config(self):
        own = {"classes": self.classes, "hidden": self.hidden, "activation": self.activation}
        return {**super().get_config(), **own, "dropout": self.dropout.rate}


@keras.saving.register_keras_serializable("captioner")
class WordHead(keras.layers.Layer):
    """Writes an answer word by word with any decoder, which attends to the question as part of its memory.

        n_0 = tanh(features W_f + b_f)
        n_p = tanh(m_p W_m + features W_q + b_m)          p = 1..P, where there is an image
        answer = decoder(n)

    Each question has a memory of its own, and is to the decoder what an image is in captioning: teacher forcing,
    beam search and the scoring of answers are those of captions.

    Args:
        size: int. Size of each n.
        decoder: any decoder.

    Call arguments:
        features: `(R, F)`.
        positions: `(B, P, D)`, or None.

    Returns:
        `(R, 1 + P, size)`.
    """

    def __init__(self, size, decoder, **kwargs):
        super().__init__(**kwargs)
        self.size, self.decoder = size, decoder
        self.first = keras.layers.Dense(size, activation="tanh", name="first_position")
        self.position = keras.layers.Dense(size, name="position")
        self.question = keras.layers.Dense(size, use_bias=False, name="question")

    def build(self, features_shape, positions_shape=None):
        self.first.build(features_shape)
        if positions_shape is not None:
            self.position.build(positions_shape)
            self.question.build(features_shape)
        if not self.decoder.built:
            self.decoder.build((None, None), (None, None, self.size))
        self.built = True

    def call(self, features, positions=None):
        first = self.first(features)[:, None]
        if positions is None:
            return first
        projected = repeat_rows(self.position(positions), features.shape[0] // positions.shape[0])
        return ops.concatenate([first, ops.tanh(projected + self.question(features)[:, None])], axis=1)

    def get_config(self):
        decoder = keras.saving.serialize_keras_object(self.decoder)
        return {**super().get_config(), "size": self.size, "decoder": decoder}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "decoder": keras.saving.deserialize_keras_object(config["decoder"])})
