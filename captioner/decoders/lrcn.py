"""Two recurrent networks, of which only the upper one sees the image, at every step."""

import keras
from keras import ops

from captioner.decoders.base import Decoder, new_cell
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class LongTermRecurrentDecoder(Decoder):
    """The lower cell reads words, the upper one reads what the lower makes of them beside the image.

        l', a'  = lower(e, a)                  e: vector of the word before
        h', s'  = upper([l'; v], s)            v = mean_p(m_p)
        p(word) = softmax(W_o tanh(W_d h'))

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them: the lower one. The upper is another of the same kind.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {})`.

    Reference: [Donahue et al. 2015](https://arxiv.org/abs/1411.4389), section 4.2, the factored variant LRCN-2f.
    """

    output_first = False

    def __init__(self, vocabulary_size, embedding_size, cell, **kwargs):
        super().__init__(vocabulary_size, embedding_size, cell, **kwargs)
        self.upper = new_cell(cell, "upper")

    def build(self, words_shape, memory_shape):
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.embedding_size))
        self.upper.build((None, self.cell.output_size + memory_shape[-1]))
        self.build_words(self.upper.output_size)
        self.built = True

    def read(self, words, training=False):
        # Nothing but words enters the lower cell, so its projection is one product for all steps.
        read = super().read(words, training=training)
        upper_noise = self.upper.draw_noise(*words.shape) if training else None
        read = {**read, "words": self.cell.project(read["words"])}
        return read if upper_noise is None else {**read, "upper_noise": upper_noise}

    def prepare(self, memory):
        return {"seen": self.mean_features(memory)}

    def start(self, memory, captions=1):
        rows = ops.shape(memory)[0] * captions
        return {"cell": self.cell.get_initial_state(rows), "upper": self.upper.get_initial_state(rows)}

    def step(self, read, state, image):
        lower, cell_state = self.advance(read["words"], state["cell"], read)
        seen = repeat_rows(image["seen"], ops.shape(lower)[0] // ops.shape(image["seen"])[0])
        projected = self.upper.project(ops.concatenate([lower, seen], axis=-1))
        noise = [read["upper_noise"]] if "upper_noise" in read else []
        output, upper_state = self.upper.advance(projected, state["upper"], *noise)
        return output, {"cell": cell_state, "upper": upper_state}, {}
