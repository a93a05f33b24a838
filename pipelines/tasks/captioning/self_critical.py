"""Batches for self-critical training: captions sampled by the model, and how much better than usual they are."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from captioner.decoding.sample import SampleOptions, uniform_noise
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.networks import CaptionSampler
from captioner.text.tokenizers import get_tokenizer
from captioner.training.rewards import CaptionReward
from pipelines.data.features.augmented import read_epoch
from pipelines.data.tf_options import fast_input_options
from pipelines.tasks.captioning.batches import CaptionBatches

BASELINES = ("greedy", "samples")


class SelfCriticalBatches:
    """Samples captions of each image, rewards them, and subtracts what was to be expected.

        advantage = reward(sample) - reward(greedy caption)                          baseline "greedy"
                  = reward(sample) - mean reward(other samples of the image)  baseline "samples"

    Neither baseline depends on the sample, so both leave the expected gradient as it is. The batches come from
    the model as it is when they are asked for, so they must not be fetched ahead. The noise that captions are
    sampled with depends on seed, epoch and step alone: a run that was stopped goes on exactly.

    Args:
        batches: say the images and their order; its own captions are not used.
        captions: references of each image, in the source's order.
        captioner: samples.
        samples: captions of each image.
        reward: metric -> weight, see `CaptionReward`.
        baseline: "greedy" or "samples".
        temperature: of the distribution that captions are sampled from; see `sample`.

    Attributes:
        state: how many captions were sampled in this epoch, and the sum of their rewards; part of the run's checkpoint.

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
                "training.baseline = 'samples' compares the captions sampled of an image with each other: set "
                "training.samples_per_image to two at least."
            )
        self.batches, self.vocabulary, self.samples = batches, captioner.vocabulary, samples
        self.steps, self.max_length = batches.steps, batches.max_length
        tokenize = get_tokenizer(self.vocabulary.tokenizer).tokenize
        self.rows = {int(image): row for row, image in enumerate(batches.indices)}
        self.reward = CaptionReward([[tokenize(text) for text in captions[image]] for image in batches.indices], reward)
        self.baseline = baseline
        image_encoder, greedy = captioner.image_encoder, baseline == "greedy"
        self.sampler = CaptionSampler(image_encoder, captioner.decoder, SampleOptions(temperature), greedy)
        self.sampler.compile(jit_compile=True)
        self.state = {"drawn": 0, "earned": 0.0}

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from step `skip` on.

        Each is `({"image": (B, ...), "words": (B, C, T)}, targets (B, C, T), advantages (B, C))`.
        """
        if not skip:
            self.state.update(drawn=0, earned=0.0)
        images, mask = self.batches.order(epoch)
        sample = self.batches.source.read([int(self.batches.indices[0])])
        rows = (images.shape[1], self.samples)
        words = tf.TensorSpec((*rows, self.max_length - 1), tf.int32)
        image = tf.TensorSpec((rows[0], *sample.shape[1:]), tf.as_dtype(sample.dtype))

        def generate():
            for step in range(skip, len(images)):
                yield self.batch(images[step], mask[step], [self.batches.seed, epoch, step])

        signature = ({"image": image, "words": words}, words, tf.TensorSpec(rows, tf.float32))
        batches = tf.data.Dataset.from_generator(generate, output_signature=signature)
        batches = batches.apply(tf.data.experimental.assert_cardinality(len(images) - skip))
        # A batch that was fetched ahead would be sampled while the step before it still moves the weights.
        return fast_input_options(batches)

    def batch(self, images: np.ndarray, mask: np.ndarray, seed: Sequence[int]):
        """One batch of images.

        Args:
            images: indices `(B,)`; see `EpochOrder`.
            mask: bool `(B,)`; images where it is False have no targets and no advantage.
            seed: the run's seed, epoch and step.
        """
        image = read_epoch(self.batches.source, seed[1], images.tolist())
        noise = uniform_noise(len(images) * self.samples, self.max_length - 1, seed)
        noise = noise.reshape(len(images), self.samples, -1)
        written = self.sampler.predict_on_batch({"image": image.astype("float32"), "noise": noise})
        words, lengths, ended = (np.asarray(written[name]) for name in ("words", "lengths", "ended"))
        rewards = self.rewards_of(words, lengths, ended, images)
        sampled = rewards[:, : self.samples]
        self.state["drawn"] += sampled[mask].size
        self.state["earned"] += float(sampled[mask].sum())
        advantages = np.where(mask[:, None], sampled - self.baseline_of(rewards), 0.0).astype("float32")
        ids = self.token_ids(words, lengths, ended, mask)[:, : self.samples]
        return {"image": image, "words": ids[:, :, :-1]}, ids[:, :, 1:], advantages

    def mean_reward(self) -> float:
        """The mean reward of the captions sampled in this epoch."""
        return self.state["earned"] / max(self.state["drawn"], 1)

    def baseline_of(self, rewards: np.ndarray) -> np.ndarray:
        """The baseline `(B, C or 1)` from rewards `(B, C)` of samples, with that of the greedy caption last."""
        if self.baseline == "greedy":
            return rewards[:, self.samples :]
        return (rewards.sum(axis=1, keepdims=True) - rewards) / (self.samples - 1)

    def rewards_of(self, words, lengths, ended, images) -> np.ndarray:
        """Rewards `(B, C)` of captions `(B, C, T)`."""
        texts = [
            self.vocabulary.decode(row[:length])
            for row, length in zip(words.reshape(-1, words.shape[-1]), lengths.ravel(), strict=True)
        ]
        rows = np.repeat([self.rows[int(image)] for image in images], words.shape[1])
        return self.reward(texts, ended.ravel(), rows).reshape(lengths.shape)

    def token_ids(self, words, lengths, ended, mask) -> np.ndarray:
        """Captions as `(B, C, max_length)` ids: start, words, end if it was sampled, padding."""
        vocabulary, (images, captions, _) = self.vocabulary, words.shape
        ids = np.full((images, captions, self.max_length), vocabulary.pad_id, "int32")
        ids[:, :, 0] = vocabulary.start_id
        # The end word itself is part of the caption; what follows it is not.
        last = lengths + ended
        position = np.arange(self.max_length - 1)
        ids[:, :, 1:] = np.where(position < last[:, :, None], words, vocabulary.pad_id)
        return np.where(mask[:, None, None], ids, vocabulary.pad_id)
