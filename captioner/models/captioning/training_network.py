"""What only the training of a captioner needs, around the layers of a `CaptionNetwork`."""

from keras import ops

from captioner.decoding.scheduled_sampling import mix_sampled_tokens
from captioner.models.base.decode_step import END, PAD, START, log_probabilities_of, step_of
from captioner.models.captioning.networks import CaptionNetwork


class TrainingNetwork(CaptionNetwork):
    """Teacher forcing, with scheduled sampling and with losses besides that of the logits.

    - Scheduled sampling, where the inputs ask for it: see `mix_sampled_tokens`.
    - `doubly_stochastic_penalty` of the decoder's attention.
    - The loss that a decoder adds itself: see `Decoder.extra_loss`.
    - For an image encoder that samples where it looks (one with `reinforce_loss`, such as `GlimpseCore`): REINFORCE,
      with the mean log-probability of the image's words as the reward.

    Args:
        image_encoder, decoder: see `CaptionNetwork`; those of a built network, whose weights are trained.
        attention_penalty: float, lambda. Weight of the doubly stochastic penalty.
        dropout_in_training: bool. Whether dropout and all other noise act while training. For captions that a model
            sampled without, the exact gradient is the one without.
        greedy_scheduled_sampling: bool. In scheduled sampling, read the likeliest words in place of sampled ones.

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T)}`, while training also `"targets" int (B, C, T)` for losses
            that need them, and for scheduled sampling `"sample_mask" bool (B, C, T)`, where the decoder reads its own
            word, and `"uniform_noise" (B, C, T)` in [0, 1).

    Returns:
        logits `(B, C, T, V)`.
    """

    def __init__(
        self,
        image_encoder,
        decoder,
        attention_penalty=0.0,
        dropout_in_training=True,
        greedy_scheduled_sampling=False,
        **kwargs,
    ):
        super().__init__(image_encoder, decoder, **kwargs)
        self.attention_penalty = attention_penalty
        self.dropout_in_training = dropout_in_training
        self.greedy_scheduled_sampling = greedy_scheduled_sampling
        self.built = bool(image_encoder.built and decoder.built)

    def call(self, inputs, training=False):
        if not training:
            return super().call(inputs)
        noisy = self.dropout_in_training
        image, glimpses = ops.cast(inputs["image"], "float32"), None
        if noisy and hasattr(self.image_encoder, "reinforce_loss"):
            memory, glimpses = self.image_encoder.take_glimpses(image, training=True)
        else:
            memory = self.image_encoder(image, training=noisy)
        images, captions, length = inputs["words"].shape
        words = ops.reshape(inputs["words"], (images * captions, length))
        if "sample_mask" in inputs:
            words = self.scheduled_sampling(words, memory, inputs)
        logits, extras = self.decoder(words, memory, training=noisy)
        if self.attention_penalty and "attention" in extras:
            # Steps that write a word or the end: the end word as input has padding for its target.
            writes = ops.logical_and(words != PAD, words != END)
            self.add_loss(self.attention_penalty * doubly_stochastic_penalty(extras["attention"], writes))
        if "targets" in inputs:
            targets = ops.reshape(inputs["targets"], (images * captions, length))
            real = ops.cast(targets != PAD, "float32")
            log_probabilities = log_probabilities_of(targets, logits)
            extra = self.decoder.extra_loss(log_probabilities, real, extras)
            if extra is not None:
                self.add_loss(extra)
            if glimpses is not None:
                per_image = ops.reshape(log_probabilities * real, (images, captions * length))
                count = ops.sum(ops.reshape(real, (images, captions * length)), axis=1)
                reward = ops.sum(per_image, axis=1) / ops.maximum(count, 1.0)  # mean log-probability a word
                self.add_loss(self.image_encoder.reinforce_loss(glimpses, reward, ops.cast(count > 0, reward.dtype)))
        return ops.reshape(logits, (images, captions, length, logits.shape[-1]))

    def scheduled_sampling(self, words, memory, inputs):
        """Input words `(R, T)`, some of them sampled from the decoder, without dropout and without a gradient."""
        memory = ops.stop_gradient(memory)
        never_before_a_word = (PAD, START, END)
        return mix_sampled_tokens(
            step_of(self.decoder, self.decoder.prepare(memory)),
            self.decoder.start(memory, captions=words.shape[0] // memory.shape[0]),
            words,
            ops.reshape(inputs["sample_mask"], words.shape),
            ops.reshape(inputs["uniform_noise"], words.shape),
            fixed=never_before_a_word,
            suppressed=never_before_a_word,
            greedy=self.greedy_scheduled_sampling,
        )


def doubly_stochastic_penalty(attention, writes):
    """How unevenly a decoder has attended to the positions in the course of each caption.

        mean over captions and positions p of (1 - sum_t a_tp)^2

    Args:
        attention: `(R, T, P)`, weights that sum to 1 at each step.
        writes: bool `(R, T)`, the steps that count; captions without one (rows that fill up a batch) do not count.

    Reference: Xu et al. 2015, section 4.2.1, here as a mean over positions.
    """
    writes = ops.cast(writes, attention.dtype)[:, :, None]
    attended = ops.sum(attention * writes, axis=1)
    counts = ops.max(writes, axis=1)
    uneven = ops.mean(counts * (1.0 - attended) ** 2, axis=-1)
    return ops.sum(uneven) / ops.maximum(ops.sum(counts), 1.0)
