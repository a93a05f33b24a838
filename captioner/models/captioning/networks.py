"""The ways a captioner's encoder and decoder are put to work, as Keras models that share their weights.

`CaptionNetwork` learns, `CaptionSearcher` and `CaptionSampler` write, and `CaptionReader` reads given captions. All
call the same decode step. `image` is what the trainable part of the encoder takes: cached features of the frozen
backbone, or pixels where the whole encoder is trained.

Letters: B images, C captions of each, K beams, T words, P places, V vocabulary.
"""

import keras
from keras import ops

from captioner.decoding.beam import beam_search
from captioner.decoding.rules import FREE
from captioner.decoding.sample import sample
from captioner.decoding.scheduled_sampling import mix_sampled_tokens
from captioner.models.base.decode_step import END, PAD, START, SUPPRESSED, log_probabilities_of, step_of


class CaptionNetwork(keras.Model):
    """Teacher forcing: scores of each next word of given captions.

    Args:
        image_encoder: layer. `image` to memory `(B, P, D)`. One with `look` and `learn_where` (`GlimpseCore`) chooses
            by chance what it sees while it learns, and is rewarded with the mean log-probability of the image's words.
        decoder: any decoder.
        attention_penalty: float, lambda. Weight of the doubly stochastic regulariser
            `lambda mean_p (1 - sum_t a_tp)^2`, which asks the decoder to look at every place about equally often in
            the course of a caption (Xu et al. 2015, section 4.2.1, as a mean over places).
        noisy: bool. Whether dropout and whatever else is drawn by chance act while training. For captions that a model
            drew without, the exact gradient is the one without.
        likeliest: bool. In scheduled sampling, read the likeliest words in place of drawn ones.

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T)}`, while training also `"targets" int (B, C, T)` for
            decoders that learn from more than cross-entropy. For scheduled sampling while training also
            `"own" bool (B, C, T)`, where the decoder reads its own word, and `"chance" (B, C, T)`, uniform in [0, 1);
            see `mix_sampled_tokens`.

    Returns:
        logits `(B, C, T, V)`.
    """

    def __init__(self, image_encoder, decoder, attention_penalty=0.0, noisy=True, likeliest=False, **kwargs):
        super().__init__(**kwargs)
        self.image_encoder = image_encoder
        self.decoder = decoder
        self.attention_penalty = attention_penalty
        self.noisy = noisy
        self.likeliest = likeliest

    def call(self, inputs, training=False):
        noisy = bool(training and self.noisy)
        image, chances = ops.cast(inputs["image"], "float32"), None
        if noisy and hasattr(self.image_encoder, "look"):  # chosen by chance, and rewarded
            memory, chances = self.image_encoder.look(image, training=True)
        else:
            memory = self.image_encoder(image, training=noisy)
        images, captions, length = inputs["words"].shape
        words = ops.reshape(inputs["words"], (images * captions, length))
        if training and "own" in inputs:
            words = self.own_words(words, memory, inputs)
        logits, extras = self.decoder(words, memory, training=noisy)
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
            if chances is not None:
                per_image = ops.reshape(log_probabilities_of(targets, logits) * real, (images, captions * length))
                count = ops.sum(ops.reshape(real, (images, captions * length)), axis=1)
                reward = ops.sum(per_image, axis=1) / ops.maximum(count, 1.0)  # mean log-probability a word
                self.add_loss(self.image_encoder.learn_where(chances, reward, ops.cast(count > 0, reward.dtype)))
        return ops.reshape(logits, (images, captions, length, logits.shape[-1]))

    def own_words(self, words, memory, inputs):
        """Input words `(R, T)`, some of them the decoder's own: it writes as it does in use, without dropout."""
        memory = ops.stop_gradient(memory)
        never_before_a_word = (PAD, START, END)
        return mix_sampled_tokens(
            step_of(self.decoder, memory),
            self.decoder.start(memory, captions=words.shape[0] // memory.shape[0]),
            words,
            ops.reshape(inputs["own"], words.shape),
            ops.reshape(inputs["chance"], words.shape),
            fixed=never_before_a_word,
            closed_words=never_before_a_word,
            likeliest=self.likeliest,
        )


class CaptionSearcher(keras.Model):
    """Free running: the best captions of each image, by beam search (greedy where `num_beams` is 1).

    Args:
        image_encoder, decoder: as in `CaptionNetwork`.
        num_beams: int, K.
        max_words: int, T.
        length_penalty: float. See `beam_search`.
        fusion: `ShallowFusion` with a language model, or None.
        num_beam_groups, diversity_penalty, rules: see `beam_search`.

    Call arguments:
        image: `(B, ...)`; B must be known when it is traced.

    Returns:
        dictionary `words` int `(B, K, T)`, `lengths` int `(B, K)`, `log_probabilities` `(B, K)`, best first.
    """

    def __init__(
        self,
        image_encoder,
        decoder,
        num_beams,
        max_words,
        length_penalty,
        fusion=None,
        num_beam_groups=1,
        diversity_penalty=0.0,
        rules=FREE,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_encoder = image_encoder
        self.decoder = decoder
        self.fusion = fusion
        self.num_beams = num_beams
        self.rows_an_image = num_beams * rules.banks
        self.options = {
            "width": num_beams, "max_words": max_words, "length_penalty": length_penalty, "num_beam_groups":
            num_beam_groups, "diversity_penalty": diversity_penalty, "rules": rules,
        }  # fmt: skip

    def call(self, image):
        if image.shape[0] is None:
            raise ValueError(
                f"{type(self).__name__} searches for a number of images that is known when it is traced, but received "
                f"the shape {tuple(image.shape)}. Give whole batches of one size, as `predict_on_batch` does."
            )
        memory = self.image_encoder(ops.cast(image, "float32"))
        step = step_of(self.decoder, memory)
        state = self.decoder.start(memory, captions=self.rows_an_image)
        if self.fusion is not None:
            step, state = self.fusion.mix(step, state, rows=image.shape[0] * self.rows_an_image)
        searched = beam_search(
            step, state, batch_size=image.shape[0], start=START, end=END, forbidden=SUPPRESSED, **self.options
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

    def __init__(self, image_encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.image_encoder = image_encoder
        self.decoder = decoder

    def call(self, inputs):
        images, captions, length = inputs["words"].shape
        words = ops.reshape(inputs["words"], (images * captions, length))
        logits, extras = self.decoder(words[:, :-1], self.image_encoder(ops.cast(inputs["image"], "float32")))
        targets = words[:, 1:]
        chosen = log_probabilities_of(targets, logits)
        read = {"log_probabilities": ops.where(targets == PAD, 0.0, chosen), **extras}
        return {name: ops.reshape(values, (images, captions, *values.shape[1:])) for name, values in read.items()}


class CaptionSampler(keras.Model):
    """Free running by chance: captions drawn from the decoder's distribution.

    Args:
        image_encoder, decoder: as in `CaptionNetwork`.
        temperature, top_k, top_p: see `sample`.
        greedy: bool. Write the greedy caption of each image as well, as the last of its captions: one loop serves both.
        fusion: `ShallowFusion` with a language model, or None.
        rules: what captions keep to; phrases that must occur cannot be drawn. See `sample`.

    Call arguments:
        inputs: `{"image": (B, ...), "noise": (B, C, T)}`: for each of C captions of at most T words, end word included,
            uniform noise in [0, 1).

    Returns:
        dictionary `words` int `(B, C, T)`, `lengths` int `(B, C)`, `ended` bool `(B, C)`, `log_probabilities` `(B, C)`;
        C + 1 in place of C with `greedy`.
    """

    def __init__(
        self,
        image_encoder,
        decoder,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        greedy=False,
        fusion=None,
        rules=FREE,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_encoder = image_encoder
        self.decoder = decoder
        self.greedy = greedy
        self.fusion = fusion
        self.options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "rules": rules}

    def call(self, inputs):
        noise, greedy = inputs["noise"], None
        if self.greedy:
            noise = ops.pad(noise, [[0, 0], [0, 1], [0, 0]])
            greedy = ops.arange(noise.shape[0] * noise.shape[1]) % noise.shape[1] == noise.shape[1] - 1
        images, captions, length = noise.shape
        memory = self.image_encoder(ops.cast(inputs["image"], "float32"))
        step, state = step_of(self.decoder, memory), self.decoder.start(memory, captions=captions)
        if self.fusion is not None:
            step, state = self.fusion.mix(step, state, rows=images * captions)
        sampled = sample(
            step,
            state,
            noise=ops.reshape(noise, (images * captions, length)),
            start=START,
            end=END,
            forbidden=SUPPRESSED,
            greedy=greedy,
            **self.options,
        )
        folded = sampled._asdict().items()
        return {name: ops.reshape(values, (images, captions, *values.shape[1:])) for name, values in folded}
