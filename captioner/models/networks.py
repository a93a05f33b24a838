"""The ways a captioner's encoder and decoder are put to work, as Keras models that share their weights.

`CaptionNetwork` learns, `CaptionSearcher` and `CaptionSampler` write, and `CaptionReader` reads given captions. All
call the same decode step. `image` is what the trainable part of the encoder takes: cached features of the frozen
trunk, or pixels where the whole encoder is trained.

Letters: B images, C captions of each, K beams, T words, P places, V vocabulary.
"""

import keras
from keras import ops

from captioner.decoding.beam import beam_search
from captioner.decoding.sample import sample
from captioner.text.vocabulary import Vocabulary

PAD, START, END, UNKNOWN = Vocabulary.pad_id, Vocabulary.start_id, Vocabulary.end_id, Vocabulary.unknown_id


class CaptionNetwork(keras.Model):
    """Teacher forcing: scores of each next word of given captions.

    Args:
        see: layer. `image` to memory `(B, P, D)`.
        decoder: any decoder.
        attention_penalty: float, lambda. Weight of the doubly stochastic regulariser
            `lambda mean_p (1 - sum_t a_tp)^2`, which asks the decoder to look at every place about equally often in
            the course of a caption (Xu et al. 2015, section 4.2.1, as a mean over places).

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T)}`, while training also `"targets" int (B, C, T)` for
            decoders that learn from more than cross-entropy.

    Returns:
        logits `(B, C, T, V)`.
    """

    def __init__(self, see, decoder, attention_penalty=0.0, **kwargs):
        super().__init__(**kwargs)
        self.see = see
        self.decoder = decoder
        self.attention_penalty = attention_penalty

    def call(self, inputs, training=False):
        memory = self.see(ops.cast(inputs["image"], "float32"), training=training)
        images, captions, length = inputs["words"].shape
        words = ops.reshape(inputs["words"], (images * captions, length))
        logits, extras = self.decoder(words, memory, training=training)
        if training and self.attention_penalty and "attention" in extras:
            # Steps that write a word or the end: the end word as input has padding for its target.
            real = ops.cast(ops.logical_and(words != PAD, words != END), logits.dtype)[:, :, None]
            looked = ops.sum(extras["attention"] * real, axis=1)
            # Rows that fill up a batch hold no words and must not be asked to look anywhere.
            row = ops.max(real, axis=1)
            missed = ops.mean(row * (1.0 - looked) ** 2, axis=-1)
            self.add_loss(self.attention_penalty * ops.sum(missed) / ops.maximum(ops.sum(row), 1.0))
        if training and "targets" in inputs:
            targets = ops.reshape(inputs["targets"], (images * captions, length))
            real = ops.cast(targets != PAD, "float32")
            extra = self.decoder.extra_loss(log_probabilities_of(targets, logits), real, extras)
            if extra is not None:
                self.add_loss(extra)
        return ops.reshape(logits, (images, captions, length, logits.shape[-1]))


class CaptionSearcher(keras.Model):
    """Free running: the best captions of each image, by beam search (greedy where `beam_size` is 1).

    Args:
        see, decoder: as in `CaptionNetwork`.
        beam_size: int, K.
        max_words: int, T.
        length_penalty: float. See `beam_search`.
        fusion: `ShallowFusion` with a language model, or None.

    Call arguments:
        image: `(B, ...)`; B must be known when it is traced.

    Returns:
        dictionary `words` int `(B, K, T)`, `lengths` int `(B, K)`, `log_probabilities` `(B, K)`, best first.
    """

    def __init__(self, see, decoder, beam_size, max_words, length_penalty, fusion=None, **kwargs):
        super().__init__(**kwargs)
        self.see = see
        self.decoder = decoder
        self.fusion = fusion
        self.beam_size = beam_size
        self.max_words = max_words
        self.length_penalty = length_penalty

    def call(self, image):
        if image.shape[0] is None:
            raise ValueError(
                f"{type(self).__name__} searches for a number of images that is known when it is traced, but received "
                f"the shape {tuple(image.shape)}. Give whole batches of one size, as `predict_on_batch` does."
            )
        memory = self.see(ops.cast(image, "float32"))
        step = step_of(self.decoder, memory)
        state = self.decoder.start(memory, captions=self.beam_size)
        if self.fusion is not None:
            step, state = self.fusion.mix(step, state, rows=memory.shape[0] * self.beam_size)
        searched = beam_search(
            step,
            state,
            batch_size=memory.shape[0],
            start=START,
            end=END,
            width=self.beam_size,
            max_words=self.max_words,
            length_penalty=self.length_penalty,
            forbidden=(PAD, UNKNOWN),
        )
        return searched._asdict()


class CaptionReader(keras.Model):
    """Reads given captions: how likely each word was, and where the decoder looked before writing it.

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T + 1)}`, captions with start and end word.

    Returns:
        dictionary `log_probabilities` `(B, C, T)` of words 1..T, 0 where there is padding, and the decoder's extras,
        `(B, C, T, ...)`.
    """

    def __init__(self, see, decoder, **kwargs):
        super().__init__(**kwargs)
        self.see = see
        self.decoder = decoder

    def call(self, inputs):
        images, captions, length = inputs["words"].shape
        words = ops.reshape(inputs["words"], (images * captions, length))
        logits, extras = self.decoder(words[:, :-1], self.see(ops.cast(inputs["image"], "float32")))
        targets = words[:, 1:]
        chosen = log_probabilities_of(targets, logits)
        read = {"log_probabilities": ops.where(targets == PAD, 0.0, chosen), **extras}
        return {name: ops.reshape(values, (images, captions, *values.shape[1:])) for name, values in read.items()}


class CaptionSampler(keras.Model):
    """Free running by chance: captions drawn from the decoder's distribution.

    Args:
        see, decoder: as in `CaptionNetwork`.
        temperature, top_k, top_p: see `sample`.

    Call arguments:
        inputs: `{"image": (B, ...), "noise": (B, C, T)}`: for each of C captions of at most T words, end word included,
            uniform noise in [0, 1).

    Returns:
        dictionary `words` int `(B, C, T)`, `lengths` int `(B, C)`, `ended` bool `(B, C)`, `log_probabilities` `(B, C)`.
    """

    def __init__(self, see, decoder, temperature=1.0, top_k=0, top_p=1.0, **kwargs):
        super().__init__(**kwargs)
        self.see = see
        self.decoder = decoder
        self.narrowing = {"temperature": temperature, "top_k": top_k, "top_p": top_p}

    def call(self, inputs):
        images, captions, length = inputs["noise"].shape
        memory = self.see(ops.cast(inputs["image"], "float32"))
        sampled = sample(
            step_of(self.decoder, memory),
            self.decoder.start(memory, captions=captions),
            noise=ops.reshape(inputs["noise"], (images * captions, length)),
            start=START,
            end=END,
            forbidden=(PAD, UNKNOWN),
            **self.narrowing,
        )
        folded = sampled._asdict().items()
        return {name: ops.reshape(values, (images, captions, *values.shape[1:])) for name, values in folded}


def step_of(decoder, memory):
    """What searching and sampling call: `(words (R,), state) -> (log-probabilities (R, V), state)`."""
    prepared = decoder.prepare(memory)

    def step(words, state):
        features, state, _ = decoder.step(decoder.read(words), state, prepared)
        return ops.log_softmax(ops.cast(decoder.logits(features), "float32"), axis=-1), state

    return step


def log_probabilities_of(words, logits):
    """The log-probability `(...)` of each of the words `(...)`, from logits `(..., V)`."""
    log_probabilities = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    return ops.squeeze(ops.take_along_axis(log_probabilities, words[..., None], axis=-1), axis=-1)
