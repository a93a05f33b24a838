"""The contract of all decoders, and what they share.

One decode step, written once, serves training, greedy and beam search, sampling, scoring and pictures of attention.

Letters: B images, R = B x C rows (C captions or beams of each image, those of one image side by side), P positions of
the memory, D its size, T words, V vocabulary.
"""

import keras
from keras import ops

from captioner.dropout import Dropout
from captioner.layers.embedding import OneHotEmbedding, WordEmbedding

EMBEDDINGS = ("learned", "one_hot")


class Decoder(keras.layers.Layer):
    """Writes words about a memory.

    A subclass defines `prepare`, `start` and `step`, and others if need be. `call` composes them for teacher forcing
    and `captioner.decoding` for searching, so neither can drift from the other.

    - `prepare(memory)`: what stays the same for every word of an image (`image`, a dictionary of tensors `(B, ...)`).
    - `start(memory, captions)`: the state before the first word, a nest of tensors `(R, ...)`.
    - `step(words, state, image)`: `(features (R, F), state, extras)`, where `words` is what `read` made of them, and
      `extras` a dictionary of tensors `(R, ...)` such as attention weights.
    - `read(words, training)`: a nest of tensors `(R, [T,] ...)`, of which a step gets its own.
    - `logits(features)`: `(..., F)` to `(..., V)`. For a whole caption it is one large product.

    Dropout falls on word vectors, between the layers of a deep cell and on what `logits` receives. All noise is drawn
    outside the loop: what a step needs of it is part of what `read` returns.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them.
        dropout: float. Share of values dropped from word vectors and before the logits. (Between the layers of a stack
            the stack's own dropout acts.)
        word_dropout: float. Share of words whose whole vector is dropped, so that what comes next has to be seen in the
            picture and cannot be guessed from the word before (Bowman et al. 2016, section 3.1).
        tie_embeddings: bool. The logits use the transposed word embedding (Press & Wolf 2017).
        embedding: "learned" vectors of words, or "one_hot" ones. Those have a number a word: `self.embedding_size` is V
            then, and the argument only the size of the hidden layer before the logits.
        padded: bool. Whether positions of the memory that are all zeros are padding, behind a clip that is shorter than
            others.
    """

    # What a language model can hand its weights to: a cell whose input begins with the word's vector, and features that
    # begin with the cell's output.
    word_first = output_first = True

    def __init__(
        self,
        vocabulary_size,
        embedding_size,
        cell,
        dropout=0.0,
        word_dropout=0.0,
        tie_embeddings=False,
        embedding="learned",
        padded=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if embedding not in EMBEDDINGS:
            raise ValueError(f"`embedding` is one of {', '.join(EMBEDDINGS)}, received {embedding!r}.")
        one_hot = embedding == "one_hot"
        if one_hot and tie_embeddings:
            raise ValueError(
                "One-hot words have no table that the logits could use: `tie_embeddings` needs learned ones."
            )
        self.cell = cell
        self.vocabulary_size = vocabulary_size
        self.embedding_size = vocabulary_size if one_hot else embedding_size
        self.hidden_size = embedding_size
        self.embedding_kind = embedding
        self.dropout_rate = dropout
        self.word_dropout_rate = word_dropout
        self.tie_embeddings = tie_embeddings
        self.padded = padded
        if one_hot:
            self.embedding = OneHotEmbedding(vocabulary_size, name="embedding")
        else:
            self.embedding = WordEmbedding(vocabulary_size, embedding_size, name="embedding")
        self.dropout = Dropout(dropout, name="dropout")
        self.word_dropout = Dropout(word_dropout, noise_shape=(None, None, 1), name="word_dropout")
        self.deep_output = keras.layers.Dense(embedding_size, name="deep_output")

    def build_words(self, feature_size):
        """Creates the weights that turn words into vectors and features `(..., F)` into logits."""
        self.embedding.build((None,))
        self.deep_output.build((None, feature_size))
        if not self.tie_embeddings:
            self.output_kernel = self.add_weight(
                (self.hidden_size, self.vocabulary_size), initializer="glorot_uniform", name="output_kernel"
            )
        self.output_bias = self.add_weight((self.vocabulary_size,), initializer="zeros", name="output_bias")

    def read(self, words, training=False):
        """What a step needs of word ids `(R,)` or `(R, T)`, and what depends on no state.

        Returns:
            `{"words": vectors (R, [T,] E)}`, and while training `"noise" (R, T, ...)` where the cell is a stack with
            dropout.
        """
        vectors = self.embedding(words)
        if not training:
            return {"words": self.dropout(vectors, training=False)}
        read = {"words": self.dropout(self.word_dropout(vectors, training=True), training=True)}
        noise = self.cell.draw_noise(*words.shape)
        return read if noise is None else {**read, "noise": noise}

    def advance(self, projected, state, read):
        """One step of the cell, with the noise that was drawn for it, if any."""
        return self.cell.advance(projected, state, *([read["noise"]] if "noise" in read else []))

    def extra_loss(self, log_probabilities, real, extras):
        """What a decoder learns from besides cross-entropy, a word.

        Args:
            log_probabilities: `(R, T)`, of the right words.
            real: float `(R, T)`, 1 where there is a right word, 0 where there is padding.
            extras: what `call` returned while training.

        Returns:
            a number, or None if there is nothing of the kind.
        """

    def real_positions(self, memory):
        """`{"real": bool (B, P)}`, the padding mask of a memory `(B, P, D)`; nothing where nothing is padded."""
        return {"real": ops.any(memory != 0, axis=-1)} if self.padded else {}

    def mean_features(self, memory):
        """The mean `(B, D)` over the positions of a memory that are not padding."""
        if not self.padded:
            return ops.mean(memory, axis=1)
        real = ops.cast(self.real_positions(memory)["real"], memory.dtype)
        return ops.sum(memory, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)[:, None]

    def prepare(self, memory):
        raise NotImplementedError(f"{type(self).__name__} does not define `prepare`.")

    def start(self, memory, captions=1):
        raise NotImplementedError(f"{type(self).__name__} does not define `start`.")

    def step(self, words, state, image):
        raise NotImplementedError(f"{type(self).__name__} does not define `step`.")

    def logits(self, features, training=False):
        """Scores of all words: `(..., F)` to `(..., V)`, through one hidden layer of the embedding's size."""
        hidden = self.dropout(self.hidden(features), training=training)
        kernel = ops.transpose(self.embedding.embeddings) if self.tie_embeddings else self.output_kernel
        return ops.matmul(hidden, ops.cast(kernel, hidden.dtype)) + self.output_bias

    def hidden(self, features):
        """The hidden layer `(..., E)` that logits are read from."""
        return ops.tanh(self.deep_output(features))

    def call(self, words, memory, training=False):
        """Teacher forcing: the scores of each next word, given the words before it.

        Args:
            words: int `(R, T)`, the captions without their last word, R = B x C.
            memory: `(B, P, D)`.

        Returns:
            `(logits (R, T, V), extras)`; each of the extras is `(R, T, ...)`.
        """
        state = self.start(memory, captions=words.shape[0] // memory.shape[0])
        return self.unroll(words, state, self.prepare(memory), training=training)

    def unroll(self, words, state, image, training=False):
        """`call` for those who make the first state and prepare the memory themselves."""
        read = self.read(words, training=training)
        features, extras = [], []
        for t in range(words.shape[1]):  # T is static and short. Unrolled on purpose: XLA compiles and exports it.
            feature, state, extra = self.step(keras.tree.map_structure(at_step(t), read), state, image)
            features.append(feature)
            extras.append(extra)
        stacked = {name: ops.stack([extra[name] for extra in extras], axis=1) for name in extras[0]}
        return self.logits(ops.stack(features, axis=1), training=training), stacked

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.hidden_size,
            "embedding": self.embedding_kind,
            "cell": keras.saving.serialize_keras_object(self.cell),
            "dropout": self.dropout_rate,
            "word_dropout": self.word_dropout_rate,
            "tie_embeddings": self.tie_embeddings,
            "padded": self.padded,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


def at_step(t):
    """A function that takes the step t of values `(R, T, ...)`."""
    return lambda values: values[:, t]


def new_cell(cell, name):
    """A fresh cell of the same kind and size, for decoders that have two."""
    return cell.__class__.from_config({**_unbuilt(cell.get_config()), "name": name})


def _unbuilt(config):
    """A configuration without what layers in it were built for: the fresh cell has other inputs."""
    if isinstance(config, dict):
        return {key: _unbuilt(value) for key, value in config.items() if key != "build_config"}
    return [_unbuilt(value) for value in config] if isinstance(config, list) else config
