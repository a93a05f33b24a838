"""The ways a captioner's encoder and decoder are put to work, as Keras models that share their weights.

`CaptionNetwork` is teacher forcing (`training_network` trains it), `CaptionSearcher` and `CaptionSampler` write, and
`CaptionReader` reads given captions. All call the same decode step. `image` is what the trainable part of the encoder
takes: cached features of the frozen backbone, or pixels where the whole encoder is trained.

Letters: B images, C captions of each, K beams, T words, P positions, V vocabulary.
"""

import keras
from keras import ops

from captioner.decoding.beam import BeamOptions, beam_search
from captioner.decoding.sample import SampleOptions, sample
from captioner.models.base.decode_step import PAD, SPECIAL, log_probabilities_of, step_of


class DecoderNetwork(keras.Model):
    """An image encoder and a decoder; subclasses say how they are put to work.

    Args:
        image_encoder: layer. `image` to memory `(B, P, D)`.
        decoder: any decoder.
    """

    def __init__(self, image_encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.image_encoder = image_encoder
        self.decoder = decoder


class CaptionNetwork(DecoderNetwork):
    """Teacher forcing: the logits of each next word of given captions.

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T)}`.

    Returns:
        logits `(B, C, T, V)`.
    """

    def call(self, inputs, training=False):
        images, captions, length = inputs["words"].shape
        memory = self.image_encoder(ops.cast(inputs["image"], "float32"), training=training)
        words = ops.reshape(inputs["words"], (images * captions, length))
        logits, _ = self.decoder(words, memory, training=training)
        return ops.reshape(logits, (images, captions, length, logits.shape[-1]))


class CaptionSearcher(DecoderNetwork):
    """Free running: the best captions of each image, by beam search (greedy where `num_beams` is 1).

    Args:
        image_encoder, decoder: as in `DecoderNetwork`.
        options: see `beam_search`.
        fusion: `ShallowFusion` with a language model, or None.

    Call arguments:
        image: `(B, ...)`; B must be known when it is traced.

    Returns:
        dictionary `words` int `(B, K, T)`, `lengths` int `(B, K)`, `log_probabilities` `(B, K)`, best first.
    """

    def __init__(self, image_encoder, decoder, options: BeamOptions, fusion=None, **kwargs):
        super().__init__(image_encoder, decoder, **kwargs)
        self.options = options
        self.fusion = fusion

    def call(self, image):
        if image.shape[0] is None:
            raise ValueError(
                f"{type(self).__name__} searches for a number of images that is known when it is traced, but received "
                f"the shape {tuple(image.shape)}. Give whole batches of one size, as `predict_on_batch` does."
            )
        memory = self.image_encoder(ops.cast(image, "float32"))
        step = step_of(self.decoder, self.decoder.prepare(memory))
        state = self.decoder.start(memory, captions=self.options.slots)
        if self.fusion is not None:
            step, state = self.fusion.mix(step, state, rows=image.shape[0] * self.options.slots)
        return beam_search(step, state, image.shape[0], SPECIAL, self.options)._asdict()


class CaptionReader(DecoderNetwork):
    """Reads given captions: how likely each word was, and where the decoder looked before writing it.

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T + 1)}`, captions with start and end word.

    Returns:
        dictionary `log_probabilities` `(B, C, T)` of words 1..T, 0 where there is padding, and the decoder's extras,
        `(B, C, T, ...)`.
    """

    def call(self, inputs):
        images, captions, length = inputs["words"].shape
        words = ops.reshape(inputs["words"], (images * captions, length))
        logits, extras = self.decoder(words[:, :-1], self.image_encoder(ops.cast(inputs["image"], "float32")))
        targets = words[:, 1:]
        chosen = log_probabilities_of(targets, logits)
        read = {"log_probabilities": ops.where(targets == PAD, 0.0, chosen), **extras}
        return {name: ops.reshape(values, (images, captions, *values.shape[1:])) for name, values in read.items()}


class CaptionSampler(DecoderNetwork):
    """Free running: captions sampled from the decoder's distribution.

    Args:
        image_encoder, decoder: as in `DecoderNetwork`.
        options: see `sample`.
        greedy: bool. Write the greedy caption of each image as well, as the last of its captions: one loop serves both.
        fusion: `ShallowFusion` with a language model, or None.

    Call arguments:
        inputs: `{"image": (B, ...), "noise": (B, C, T)}`: for each of C captions of at most T words, end word included,
            uniform noise in [0, 1).

    Returns:
        dictionary `words` int `(B, C, T)`, `lengths` int `(B, C)`, `ended` bool `(B, C)`, `log_probabilities` `(B, C)`;
        C + 1 in place of C with `greedy`.
    """

    def __init__(self, image_encoder, decoder, options=SampleOptions(), greedy=False, fusion=None, **kwargs):  # noqa: B008 - frozen
        super().__init__(image_encoder, decoder, **kwargs)
        self.options = options
        self.greedy = greedy
        self.fusion = fusion

    def call(self, inputs):
        noise, greedy = inputs["noise"], None
        if self.greedy:
            noise = ops.pad(noise, [[0, 0], [0, 1], [0, 0]])
            greedy = ops.arange(noise.shape[0] * noise.shape[1]) % noise.shape[1] == noise.shape[1] - 1
        images, captions, length = noise.shape
        memory = self.image_encoder(ops.cast(inputs["image"], "float32"))
        step, state = step_of(self.decoder, self.decoder.prepare(memory)), self.decoder.start(memory, captions=captions)
        if self.fusion is not None:
            step, state = self.fusion.mix(step, state, rows=images * captions)
        noise = ops.reshape(noise, (images * captions, length))
        sampled = sample(step, state, noise, SPECIAL, self.options, greedy)
        folded = sampled._asdict().items()
        return {name: ops.reshape(values, (images, captions, *values.shape[1:])) for name, values in folded}
