"""The language model and the networks that use it, as Keras models that share its weights.

`LanguageNetwork` is the model itself. `StreamNetwork` is trained, `LanguageReader` scores texts and `LanguageWriter`
samples new ones.

Letters: B rows, T words, V vocabulary.
"""

import itertools

import keras
from keras import ops

from captioner.cells.base import RecurrentCell
from captioner.decoding.logits_filters import suppress_tokens, top_k_top_p_filter
from captioner.dropout import Dropout
from captioner.layers.categorical import sample_categorical
from captioner.layers.embedding import OneHotEmbedding, WordEmbedding
from captioner.layers.recurrent import Recurrent

# Vocabularies up to this size are projected once for all steps of a sample; of a larger one, the word of each step.
MOST_PROJECTED = 512


class LanguageNetwork(keras.Model):
    """Logits of each next word, given the words before it.

        e_t      = embedding of word t
        h_t, s_t = cells(e_t, s_{t-1})
        p(word t + 1) = softmax(h_t W + b)

    Dropout falls on embedded words, between layers and on h.

    Args:
        vocabulary_size: int, V.
        cell: a recurrent cell, or a stack of them.
        embedding_size: int; 0 for one-hot words.
        dropout: float.
        tie_embeddings: bool. W is the transposed embedding.

    Call arguments:
        words: int `(B, T)`.

    Returns: logits `(B, T, V)`.
    """

    def __init__(self, vocabulary_size, cell, embedding_size, dropout=0.0, tie_embeddings=False, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        if embedding_size:
            self.embedding = WordEmbedding(vocabulary_size, embedding_size, name="embedding")
        else:
            self.embedding = OneHotEmbedding(vocabulary_size, name="embedding")
        self.recurrent = Recurrent(cell, name="recurrent")
        self.dropout = Dropout(dropout, name="dropout")
        self.tie_embeddings = tie_embeddings
        self.embedding.build((None,))
        self.recurrent.build((None, None, embedding_size or vocabulary_size))
        if not tie_embeddings:
            self.output_kernel = self.add_weight(
                (cell.output_size, vocabulary_size), initializer="glorot_uniform", name="output_kernel"
            )
        self.output_bias = self.add_weight((vocabulary_size,), initializer="zeros", name="output_bias")
        self.built = True

    @property
    def cell(self) -> RecurrentCell:
        return self.recurrent.cell

    def start(self, rows):
        """The state before the first word: a list of `(B, size)`."""
        return self.cell.get_initial_state(batch_size=rows)

    def read(self, words, states=None, reset=None, training=False, loop=None):
        """Words `(B, T)` to `(logits (B, T, V), states after the last word)`; `reset` and `loop` as in `Recurrent`."""
        vectors = self.dropout(self.embedding(words), training=training)
        outputs, states = self.recurrent(vectors, initial_state=states, reset=reset, training=training, loop=loop)
        return self.logits(self.dropout(outputs, training=training)), states

    def call(self, words, training=False):
        return self.read(words, training=training)[0]

    def step(self, words, states):
        """One word `(B,)` a row to `(logits (B, V), new states)`."""
        return self.advance(self.cell.project(self.embedding(words)), states)

    def advance(self, projected, states):
        """As `step`, from the projected inputs of the words."""
        output, states = self.cell.advance(projected, states)
        return self.logits(output), states

    def logits(self, outputs):
        kernel = ops.transpose(self.embedding.embeddings) if self.tie_embeddings else self.output_kernel
        return ops.matmul(outputs, ops.cast(kernel, outputs.dtype)) + self.output_bias


class StreamNetwork(keras.Model):
    """Trains on B streams side by side, T words at a time: truncated back-propagation through time.

    A batch begins with the last states of the batch before, into which no gradients flow. The states are variables of
    this network, so that a checkpoint holds them.

    Args:
        network: a `LanguageNetwork`.
        rows: int, B.
        carry_state: bool. If False, each batch begins with zeros.

    Call arguments:
        inputs: `{"words": int (B, T), "reset": bool (B, T)}`; where `reset` is True the states are zeroed before the
            word is read.
        loop: see `Recurrent`.

    Returns: logits `(B, T, V)`.

    Reference: Williams & Peng 1990, the variant with h = h' = T.
    """

    def __init__(self, network, rows, carry_state=True, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        sizes = network.cell.state_sizes() if carry_state else []
        self.carried = [
            self.add_weight((rows, size), initializer="zeros", trainable=False, name=f"carried_{index}")
            for index, size in enumerate(sizes)
        ]
        self.built = True

    def call(self, inputs, training=False, loop=None):
        if not self.carried:
            return self.network.read(inputs["words"], training=training, loop=loop)[0]
        states = [ops.cast(state, self.compute_dtype) for state in self.carried]
        logits, states = self.network.read(inputs["words"], states, inputs["reset"], training=training, loop=loop)
        if training:
            for variable, state in zip(self.carried, states, strict=True):
                variable.assign(state)
        return logits


class LanguageReader(keras.Model):
    """Teacher forcing: the log-probability of each word of a text.

    Args:
        network: a `LanguageNetwork`.
        return_activations: bool. Return all states after each word, too.

    Call arguments:
        inputs: `{"words": int (B, T), "targets": int (B, T), "reset": bool (B, T), "states": list of (B, size)}`.

    Returns:
        dictionary `log_probabilities` `(B, T)` of the targets, `states` after the last word, and
        `activations` `(B, T, sum of sizes)` with `return_activations`.
    """

    def __init__(self, network, return_activations=False, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.return_activations = return_activations
        self.recurrent = Recurrent(_StatesAsOutput(network.cell)) if return_activations else None

    def call(self, inputs):
        if self.return_activations:
            activations, states = self.recurrent(
                self.network.embedding(inputs["words"]), initial_state=inputs["states"], reset=inputs["reset"]
            )
            logits = self.network.logits(self.network.cell.output_from_state(self.recurrent.cell.split(activations)))
        else:
            logits, states = self.network.read(inputs["words"], inputs["states"], inputs["reset"])
        log_probabilities = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        chosen = ops.take_along_axis(log_probabilities, inputs["targets"][:, :, None], axis=-1)
        outputs = {"log_probabilities": ops.squeeze(chosen, axis=-1), "states": states}
        return {**outputs, "activations": activations} if self.return_activations else outputs


class _StatesAsOutput(RecurrentCell):
    """A cell whose output is all its states, side by side."""

    def __init__(self, cell, **kwargs):
        super().__init__(sum(cell.state_sizes()), **kwargs)
        self.cell, self.state_size, self.built = cell, cell.state_size, True

    def project(self, inputs):
        return self.cell.project(inputs)

    def advance(self, projected, states):
        _, states = self.cell.advance(projected, states)
        return ops.concatenate(states, axis=-1), states

    def split(self, outputs):
        """The states, each `(..., size)`, from outputs of this cell."""
        borders = itertools.accumulate(self.cell.state_sizes(), initial=0)
        return [outputs[..., begin:end] for begin, end in itertools.pairwise(borders)]


class LanguageWriter(keras.Model):
    """Free running: samples one word after the other. The document after an end begins with zero states.

    Args:
        network: a `LanguageNetwork`.
        start, end: ids of the words that begin and end documents.
        suppressed: ids that are never sampled.
        options: of `captioner.decoding.logits_filters.top_k_top_p_filter`.

    Call arguments:
        inputs: `{"word": int (1,), "forced": int (1, T), "noise": (1, T) uniform in [0, 1), "states": list of
            (1, size)}`; `word` is the last one and is read first; `forced` holds the words of a prompt, and FREE where
            a word is to be sampled.

    Returns:
        dictionary `words` int `(1, T)` and `states` before the last of them is read.
    """

    FREE = -1  # no id of a word

    def __init__(self, network, start, end, suppressed, options):
        super().__init__()
        self.network = network
        self.start, self.end, self.options = start, end, dict(options)
        self.suppressed = suppress_tokens(network.vocabulary_size, suppressed)

    def call(self, inputs):
        network, noise = self.network, inputs["noise"]
        steps = noise.shape[1]
        project_all = network.vocabulary_size <= MOST_PROJECTED
        if project_all:
            table = network.cell.project(network.embedding(ops.arange(network.vocabulary_size)))

        def grow(t, last, words, states):
            ended = last == self.end
            states = [ops.where(ended[:, None], ops.zeros_like(state), state) for state in states]
            last = ops.where(ended, self.start, last)
            projected = ops.take(table, last, axis=0) if project_all else network.cell.project(network.embedding(last))
            logits, states = network.advance(projected, states)
            weights = top_k_top_p_filter(ops.cast(logits, "float32") + self.suppressed, **self.options)
            forced = ops.take(inputs["forced"], t, axis=1)
            word = ops.where(forced == self.FREE, sample_categorical(weights, ops.take(noise, t, axis=1)), forced)
            words = ops.where(ops.arange(steps) == t, word[:, None], words)
            return t + 1, word, words, states

        loop = (ops.convert_to_tensor(0, "int32"), inputs["word"], ops.zeros((1, steps), "int32"), inputs["states"])
        _, _, words, states = ops.while_loop(lambda t, *_: t < steps, grow, loop, maximum_iterations=steps)
        return {"words": words, "states": states}
