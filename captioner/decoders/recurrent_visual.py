"""The decoder that remembers what the words so far say about the image, and can be asked both ways."""

import keras
from keras import ops

from captioner.decoders.base import Decoder, at_step, new_cell
from captioner.layers.repeat import repeat_rows


@keras.saving.register_keras_serializable("captioner")
class RecurrentVisualDecoder(Decoder):
    """Beside the language's state there is a visual memory that sees words only and has to reconstruct the image.

        u_t     = remember(e_t, u_(t-1))               e_t: vector of the word before; u never sees the image
        v~_t    = W_v u_t + b_v                        what an image may look like that these words describe
        s_t     = cell([e_t; v; u_t], s_(t-1))         v = mean_p(m_p)
        p(word) = softmax(W_o tanh(W_d [s_t; u_t]))

    Trained both ways: to write the words, and by |v - v~_t|^2 / D to see the image in them. So the same model writes
    about an image and finds the image of a sentence.

    Args:
        vocabulary_size: int, V.
        embedding_size: int. Size of a word vector.
        cell: any recurrent cell, or a stack of them. The visual memory is another of its kind.
        reconstruction_weight: float. Weight of the reconstruction in the loss.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {"reconstruction_error": (R, T)})`.

    Reference: [Chen & Zitnick 2015](https://arxiv.org/abs/1411.5654), section 3.
    """

    def __init__(self, vocabulary_size, embedding_size, cell, reconstruction_weight=1.0, **kwargs):
        super().__init__(vocabulary_size, embedding_size, cell, **kwargs)
        self.reconstruction_weight = reconstruction_weight
        self.remember = new_cell(cell, "remember")

    def build(self, words_shape, memory_shape):
        memory_size = memory_shape[-1]
        self.remember.build((None, self.embedding_size))
        self.reconstruct = keras.layers.Dense(memory_size, name="reconstruct")
        self.reconstruct.build((None, self.remember.output_size))
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.embedding_size + memory_size + self.remember.output_size))
        self.build_words(self.cell.output_size + self.remember.output_size)
        self.built = True

    def read(self, words, training=False):
        read = super().read(words, training=training)
        noise = self.remember.draw_noise(*words.shape) if training else None
        read = {**read, "remembered": self.remember.project(read["words"])}
        return read if noise is None else {**read, "remember_noise": noise}

    def prepare(self, memory):
        return {"seen": self.mean_features(memory)}

    def start(self, memory, captions=1):
        rows = ops.shape(memory)[0] * captions
        return {"cell": self.cell.get_initial_state(rows), "remember": self.remember.get_initial_state(rows)}

    def step(self, read, state, image):
        noise = [read["remember_noise"]] if "remember_noise" in read else []
        remembered, remember_state = self.remember.advance(read["remembered"], state["remember"], *noise)
        seen = repeat_rows(image["seen"], ops.shape(remembered)[0] // ops.shape(image["seen"])[0])
        projected = self.cell.project(ops.concatenate([read["words"], seen, remembered], axis=-1))
        output, cell_state = self.advance(projected, state["cell"], read)
        # The image is what is aimed at: it must not move towards what is easy to reconstruct.
        missed = self.reconstruct(remembered) - ops.stop_gradient(seen)
        extras = {"reconstruction_error": ops.mean(missed**2, axis=-1)}
        return (
            ops.concatenate([output, remembered], axis=-1),
            {"cell": cell_state, "remember": remember_state},
            extras,
        )

    def reconstruct_image(self, words):
        """What an image may look like that words `(R, T)` describe: v~ `(R, T, D)`, after each of them.

        It takes no image: the visual memory sees words only.
        """
        read = self.read(words)["remembered"]
        state, remembered = self.remember.get_initial_state(ops.shape(words)[0]), []
        for t in range(words.shape[1]):
            output, state = self.remember.advance(keras.tree.map_structure(at_step(t), read), state)
            remembered.append(output)
        return self.reconstruct(ops.stack(remembered, axis=1))

    def extra_loss(self, log_probabilities, real, extras):
        """The mean reconstruction error a word, weighted. Arguments as in `Decoder.extra_loss`."""
        error = ops.sum(extras["reconstruction_error"] * real) / ops.maximum(ops.sum(real), 1.0)
        return self.reconstruction_weight * error

    def get_config(self):
        return {**super().get_config(), "reconstruction_weight": self.reconstruction_weight}
