"""Networks that write: a sentence from a vector, or from a sequence.

Both use a decoder of `captioner.decoders`, whose one step serves teacher forcing and free running.
Letters: B sources, T words, K beams, V vocabulary, P positions that the decoder may attend to, D their size.
"""

from typing import Any

import keras
from keras import ops

from captioner.decoders.base import Decoder
from captioner.decoding.beam import BeamOptions, BeamResults, beam_search
from captioner.dropout import Dropout
from captioner.models.base.decode_step import SPECIAL, step_of
from captioner.models.base.sequence_reader import SequenceReader
from captioner.models.sequences.inputs import VectorInputs


class OneToMany(keras.Model):
    """A sentence from a vector.

        s_0       = tanh(W_s v + b_s)                  the decoder's first state
        h_t, s_t  = cell(e(word_{t-1}), s_{t-1})
        p(word_t) = softmax(logits(h_t))

    (as the decoder `inject` writes it; one with attention sees the vector again before each word).

    Args:
        decoder: any decoder of `captioner.decoders`.

    Call arguments:
        inputs: `{"source": (B, F), "words": int (B, T)}`; `words` begin with the start word.

    Returns:
        logits `(B, T, V)` of each next word, given the words before it.
    """

    def __init__(self, decoder: Decoder, **kwargs: Any):
        super().__init__(**kwargs)
        self.decoder = decoder

    def encode(self, source: Any, training: bool = False) -> tuple[Any, Any, Any]:
        """The inputs of the decoder.

        Returns:
            `(memory (B, P, D), start (B, D), mask bool (B, P) or None)`: the positions that it may attend to, the
            vector of its first state, and True at positions that are no padding.
        """
        source = ops.cast(source, "float32")
        return source[:, None], source, None

    def begin(self, source: Any, captions: int = 1, training: bool = False) -> tuple[Any, Any]:
        """The decoder's prepared memory and first state, with rows for `captions` sentences a source."""
        memory, start, mask = self.encode(source, training=training)
        if not self.decoder.built:
            self.decoder.build((None, None), tuple(memory.shape))
        image = self.decoder.prepare(memory)
        if mask is not None:
            image = {**image, "real": mask}
        # Decoders start from the mean over all positions, padding included; here the mean has to be `start`.
        positions = ops.repeat(start[:, None], memory.shape[1], axis=1)
        return image, self.decoder.start(positions, captions=captions)

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        image, state = self.begin(inputs["source"], training=training)
        logits, _ = self.decoder.unroll(inputs["words"], state, image, training=training)
        return logits

    def search(self, source: Any, num_beams: int = 1, max_words: int = 20, length_penalty: float = 1.0) -> BeamResults:
        """The best sentences for each source, by beam search; greedy where `num_beams` is 1."""
        image, state = self.begin(source, captions=num_beams)
        options = BeamOptions(num_beams, max_words, length_penalty)
        return beam_search(step_of(self.decoder, image), state, source.shape[0], SPECIAL, options)


class EncoderDecoder(OneToMany):
    """A sentence from a sequence: many-to-one, then one-to-many.

        m_1..m_P, final = reader(x_1..x_P)             the encoder
        s_0             = tanh(W_s final + b_s)        the decoder's first state
        h_t, s_t        = cell(e(word_{t-1}), s_{t-1})

    With the decoder `inject` the final state is all that passes from one to the other (Sutskever, Vinyals & Le 2014,
    section 2); with `attention` the decoder attends to all m_p before each word (Bahdanau, Cho & Bengio 2015,
    section 3.1, where the first state is made of the backward network's final state alone).

    Args:
        decoder: any decoder of `captioner.decoders`.
        inputs: layer that makes vectors and a mask of the source, see inputs.py; vectors `(B, P, F)` without one.
        dropout: float. Share of values dropped from what is read and between the encoder's layers.
        reader: `cell`, `units`, `layers`, `bidirectional`, `connection` and `cell_options` of the encoder, a
            `SequenceReader`.

    Call arguments, returns: as `OneToMany`, with `source` int `(B, P)`.
    """

    def __init__(
        self,
        decoder: Decoder,
        inputs: keras.layers.Layer | None = None,
        dropout: float = 0.0,
        name: str | None = None,
        **reader: Any,
    ):
        super().__init__(decoder, name=name)
        self.inputs_layer = inputs or VectorInputs(name="inputs")
        self.dropout = Dropout(dropout, name="dropout")
        self.reader = SequenceReader(**reader, dropout=dropout, name="reader")

    def encode(self, source: Any, training: bool = False) -> tuple[Any, Any, Any]:
        vectors, mask = self.inputs_layer(source, training=training)
        outputs, final = self.reader(self.dropout(vectors, training=training), mask=mask, training=training)
        return outputs, final, mask


class SequenceSearcher(keras.Model):
    """Free running, compiled once for a shape of sources.

    Args:
        network: a network that writes.
        num_beams, max_words, length_penalty: see `beam_search`.

    Call arguments:
        source: `(B, ...)`; B must be known when it is traced.

    Returns:
        dictionary `words` int `(B, K, T)`, `lengths` int `(B, K)`, `log_probabilities` `(B, K)`, best first.
    """

    def __init__(self, network, num_beams, max_words, length_penalty, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.options = (num_beams, max_words, length_penalty)

    def call(self, source):
        return self.network.search(source, *self.options)._asdict()
