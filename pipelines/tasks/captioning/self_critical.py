"""Batches for self-critical training: captions that the model draws itself, and how much better than usual they are."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from captioner.decoding.sample import SampleOptions, uniform_noise
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.networks import CaptionSampler
from captioner.text.tokenizers import get_tokenizer
from captioner.training.rewards import CaptionReward
from pipelines.data.epoch_order import shown
from pipelines.data.features.augmented import read_in
from pipelines.data.tf_options import fast_input_options
from pipelines.tasks.captioning.batches import CaptionBatches

BASELINES = ("greedy", "samples")


class SelfCriticalBatches:
    """Draws captions of each image, rewards them, and subtracts what was to be expected.

        advantage = reward(drawn caption) - reward(greedy caption)                          baseline "greedy"
                  = reward(drawn caption) - mean reward(other drawn captions of the image)  baseline "samples"

    Neither baseline depends on the drawn caption, so both leave the expected gradient as it is. The batches come from
    the model as it is when they are asked for, so they must not be fetched ahead. The noise that captions are drawn
    with depends on seed, epoch and step alone: a run that was stopped goes on exactly.

    Args:
        batches: tells the images and their order; its own captions are not used.
        captions: references of each image, in the source's order.
        captioner: draws.
        samples: captions drawn of each image.
        reward: metric -> weight, see `CaptionReward`.
        baseline: "greedy" or "samples".
        temperature: of the distribution that captions are drawn from; see `sample`.

    Attributes:
        state: how many captions were drawn in this epoch, and what they earned; part of the run's checkpoint.

    References: [Rennie et al. 2017](https://arxiv.org/abs/1612.00563), section 3; the mean of the others is that of
    [Mnih & Rezende 2016](https://arxiv.org/abs/1602.06725), section 2.5.
    """

    def __init__(
        self,
        batches: CaptionBatches,
        captions: Sequence[Sequence[str]],
        captioner: ImageCaptioner,
        samples: int,
        reward: Mapping[str, float],
        baseline: str = "greedy",
        temperature: float = 1.0,
    ):
        if baseline == "samples" and samples < 2:
            raise UserError(
                "training.baseline = 'samples' compares the captions drawn of an image with each other: set "
                "training.samples_per_image to two at least."
            )
        self.batches, self.vocabulary, self.samples = batches, captioner.vocabulary, samples
        self.steps, self.max_length = batches.steps, batches.max_length
        tokenize = get_tokenizer(self.vocabulary.tokenizer).tokenize
        self.rows = {int(image): row for row, image in enumerate(batches.indices)}
        self.reward = CaptionReward([[tokenize(text) for text in captions[image]] for image in batches.indices], reward)
        self.baseline = baseline
        image_encoder, greedy = captioner.image_encoder, baseline == "greedy"
        self.writer = CaptionSampler(image_encoder, captioner.decoder, SampleOptions(temperature), greedy)
        self.writer.compile(jit_compile=True)
        self.state = {"drawn": 0, "earned": 0.0}

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from step `skip` on.

        Each is `({"image": (B, ...), "words": (B, C, T)}, targets (B, C, T), advantages (B, C))`.
        """
        if not skip:
            self.state.update(drawn=0, earned=0.0)
        order = self.batches.order(epoch)
        sample = self.batches.source.read([int(self.batches.indices[0])])
        images, rows = order.shape[1], (order.shape[1], self.samples)
        words = tf.TensorSpec((*rows, self.max_length - 1), tf.int32)
        image = tf.TensorSpec((images, *sample.shape[1:]), tf.as_dtype(sample.dtype))

        def generate():
            for step in range(skip, len(order)):
                yield self.batch(order[step], [self.batches.seed, epoch, step])

        signature = ({"image": image, "words": words}, words, tf.TensorSpec(rows, tf.float32))
        drawn = tf.data.Dataset.from_generator(generate, output_signature=signature)
        drawn = drawn.apply(tf.data.experimental.assert_cardinality(len(order) - skip))
        # A batch that was fetched ahead would be drawn while the step before it still moves the weights.
        return fast_input_options(drawn)

    def batch(self, chosen: np.ndarray, seed: Sequence[int]):
        """One batch of images; those that fill up are worth nothing.

        Args:
            chosen: `(B,)`, a step of the order; see `epoch_order`.
            seed: the run's seed, epoch and step.
        """
        real = chosen >= 0
        image = read_in(self.batches.source, seed[1], shown(chosen).tolist())
        noise = uniform_noise(len(chosen) * self.samples, self.max_length - 1, seed)
        noise = noise.reshape(len(chosen), self.samples, -1)
        written = self.writer.predict_on_batch({"image": image.astype("float32"), "noise": noise})
        words, lengths, ended = (np.asarray(written[name]) for name in ("words", "lengths", "ended"))
        rewards = self.rewarded(words, lengths, ended, chosen)
        drawn = rewards[:, : self.samples]
        self.state["drawn"] += drawn[real].size
        self.state["earned"] += float(drawn[real].sum())
        advantages = np.where(real[:, None], drawn - self.expected(rewards), 0.0).astype("float32")
        ids = self.as_ids(words, lengths, ended, real)[:, : self.samples]
        return {"image": image, "words": ids[:, :, :-1]}, ids[:, :, 1:], advantages

    def mean_reward(self) -> float:
        """What a caption drawn in this epoch earned, in the mean."""
        return self.state["earned"] / max(self.state["drawn"], 1)

    def expected(self, rewards: np.ndarray) -> np.ndarray:
        """The baseline `(B, C or 1)` from rewards `(B, C)` of drawn captions, with that of the greedy one behind."""
        if self.baseline == "greedy":
            return rewards[:, self.samples :]
        return (rewards.sum(axis=1, keepdims=True) - rewards) / (self.samples - 1)

    def rewarded(self, words, lengths, ended, chosen) -> np.ndarray:
        """Rewards `(B, C)` of captions `(B, C, T)`."""
        texts = [
            self.vocabulary.decode(row[:length])
            for row, length in zip(words.reshape(-1, words.shape[-1]), lengths.ravel(), strict=True)
        ]
        images = np.repeat([self.rows[int(image)] if image >= 0 else 0 for image in chosen], words.shape[1])
        return self.reward(texts, ended.ravel(), images).reshape(lengths.shape)

    def as_ids(self, words, lengths, ended, real) -> np.ndarray:
        """Captions as `(B, C, max_length)` ids: start, words, end if it was drawn, padding."""
        vocabulary, (images, captions, _) = self.vocabulary, words.shape
        ids = np.full((images, captions, self.max_length), vocabulary.pad_id, "int32")
        ids[:, :, 0] = vocabulary.start_id
        # The end word itself is part of the caption; what follows it is not.
        last = lengths + ended
        place = np.arange(self.max_length - 1)
        ids[:, :, 1:] = np.where(place < last[:, :, None], words, vocabulary.pad_id)
        return np.where(real[:, None, None], ids, vocabulary.pad_id)
