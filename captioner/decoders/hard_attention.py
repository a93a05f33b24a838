"""Hard attention: the decoder attends to one position at a time, sampled while it learns."""

import keras
from keras import ops

from captioner.decoders.attention import AttentiveDecoder
from captioner.layers.categorical import sample_categorical


@keras.saving.register_keras_serializable("captioner")
class HardAttentionDecoder(AttentiveDecoder):
    """Hard attention, as in Show, Attend and Tell: one position is sampled for each word.

        s_t ~ a_t                                        a_t: attention weights over the P positions
        z'  = m_(s_t)                                    instead of the mean of soft attention

    Samples have no gradient, so the attention weights learn from a variational lower bound:

        gradient = d log p(y | s) + r (log p(y | s) - b) d log p(s) + e d H(a)

    with b a moving average of log p(y | s) that reduces the variance of the estimate and leaves its mean as it is,
    and H the entropy of the weights. Half of the captions are trained with soft attention, as in the paper. Free
    running uses the expected context, which is soft attention, too.

    Args:
        vocabulary_size, embedding_size, cell, attention_size, query_word, coverage: see `AttentiveDecoder`.
        reinforce_weight: float, r.
        entropy_weight: float, e.
        soft_share: float. Share of the captions that are trained with soft attention.
        dropout, word_dropout, tie_embeddings: see `Decoder`.

    Call arguments:
        words: int `(R, T)`.
        memory: `(B, P, D)`.

    Returns:
        `(logits (R, T, V), {"attention": (R, T, P)})`, while training also `"position_log_probability" (R, T)`, 0 for
        captions with soft attention.

    Reference: [Xu et al. 2015](https://arxiv.org/abs/1502.03044), section 4.1, equations 11 and 12.
    """

    def __init__(
        self,
        vocabulary_size,
        embedding_size,
        cell,
        attention_size,
        reinforce_weight=1.0,
        entropy_weight=0.002,
        soft_share=0.5,
        **kwargs,
    ):
        super().__init__(vocabulary_size, embedding_size, cell, attention_size, **kwargs)
        self.reinforce_weight = reinforce_weight
        self.entropy_weight = entropy_weight
        self.soft_share = soft_share
        self.chance = keras.random.SeedGenerator()

    def build(self, words_shape, memory_shape):
        super().build(words_shape, memory_shape)
        self.baseline = self.add_weight((), initializer="zeros", trainable=False, name="baseline")

    def read(self, words, training=False):
        read = super().read(words, training=training)
        if not training:
            return read
        rows, steps = words.shape
        soft = keras.random.uniform((rows, 1), seed=self.chance) < self.soft_share
        return {
            **read,
            "position_noise": keras.random.uniform((rows, steps), seed=self.chance),
            "soft": ops.cast(ops.broadcast_to(soft, (rows, steps)), "float32"),
        }

    def look(self, read, state, image):
        context, weights, extras = super().look(read, state, image)
        if "position_noise" not in read:
            return context, weights, extras
        position = sample_categorical(weights, read["position_noise"])
        chosen = ops.one_hot(position, weights.shape[-1], dtype=weights.dtype)
        images, rows = image["memory"].shape[0], weights.shape[0]
        folded = ops.reshape(chosen, (images, rows // images, weights.shape[-1]))
        there = ops.reshape(ops.matmul(folded, image["memory"]), context.shape)
        soft = ops.cast(read["soft"], context.dtype)[:, None]
        log_probability = ops.log(ops.sum(chosen * weights, axis=-1) + 1e-12) * (1.0 - read["soft"])
        return soft * context + (1.0 - soft) * there, weights, {**extras, "position_log_probability": log_probability}

    def extra_loss(self, log_probabilities, real, extras):
        """The terms of the gradient that cross-entropy does not have, a word.

        Args:
            log_probabilities: `(R, T)`, of the right words.
            real: float `(R, T)`, 1 where there is a word.
            extras: what `call` returned.
        """
        words = ops.maximum(ops.sum(real), 1.0)
        reward = ops.stop_gradient(ops.sum(log_probabilities * real, axis=-1))
        rows = ops.cast(ops.max(real, axis=-1), reward.dtype)
        advantage = reward - self.baseline
        mean = ops.sum(reward * rows) / ops.maximum(ops.sum(rows), 1.0)
        self.baseline.assign(0.9 * self.baseline + 0.1 * mean)
        chosen = ops.sum(extras["position_log_probability"] * real, axis=-1)
        entropy = -ops.sum(extras["attention"] * ops.log(extras["attention"] + 1e-12), axis=-1)
        reinforce = self.reinforce_weight * ops.sum(ops.stop_gradient(advantage) * chosen)
        return -(reinforce + self.entropy_weight * ops.sum(entropy * real)) / words

    def get_config(self):
        return {
            **super().get_config(),
            "reinforce_weight": self.reinforce_weight,
            "entropy_weight": self.entropy_weight,
            "soft_share": self.soft_share,
        }
