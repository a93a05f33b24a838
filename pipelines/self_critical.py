"""Batches for self-critical training: captions that the model draws itself, and how much better than usual they are."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from captioner.decoding.sample import uniform_noise
from captioner.models.captioner import ImageCaptioner
from captioner.models.networks import CaptionSampler, CaptionSearcher
from captioner.text.tokenisers import get_tokeniser
from captioner.training.rewards import CaptionReward
from pipelines.batches import CaptionBatches


class SelfCriticalBatches:
    """Draws captions of each image, rewards them, and subtracts what the greedy caption would have earned.

        advantage = reward(drawn caption) - reward(greedy caption)

    The batches come from the model as it is when they are asked for, so they must not be fetched ahead. The noise that
    captions are drawn with depends on seed, epoch and step alone: a run that was stopped goes on exactly.

    Args:
        batches: tells the images and their order; its own captions are not used.
        captions: references of each image, in the source's order.
        captioner: draws.
        samples: captions drawn of each image.
        reward: metric -> weight, see `CaptionReward`.

    Reference: [Rennie et al. 2017](https://arxiv.org/abs/1612.00563), section 3.
    """

    def __init__(
        self,
        batches: CaptionBatches,
        captions: Sequence[Sequence[str]],
        captioner: ImageCaptioner,
        samples: int,
        reward: Mapping[str, float],
    ):
        self.batches, self.vocabulary, self.samples = batches, captioner.vocabulary, samples
        self.steps, self.max_length = batches.steps, batches.max_length
        tokenise = get_tokeniser(self.vocabulary.tokeniser).tokenise
        self.rows = {int(image): row for row, image in enumerate(batches.indices)}
        self.reward = CaptionReward([[tokenise(text) for text in captions[image]] for image in batches.indices], reward)
        see, decoder = captioner.encoder.top, captioner.decoder
        self.sampler = CaptionSampler(see, decoder)
        self.searcher = CaptionSearcher(see, decoder, 1, self.max_length - 2, 0.0)
        for network in (self.sampler, self.searcher):
            network.compile(jit_compile=True)
        self.rewards: list[float] = []

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from step `skip` on.

        Each is `({"image": (B, ...), "words": (B, C, T)}, targets (B, C, T), advantages (B, C))`.
        """
        order = self.batches.order(epoch)
        self.rewards = []
        sample = self.batches.source.read([int(self.batches.indices[0])])
        images, rows = order.shape[1], (order.shape[1], self.samples)
        words = tf.TensorSpec((*rows, self.max_length - 1), tf.int32)
        image = tf.TensorSpec((images, *sample.shape[1:]), tf.as_dtype(sample.dtype))

        def generate():
            for step in range(skip, len(order)):
                yield self.batch(order[step], [self.batches.seed, epoch, step])

        signature = ({"image": image, "words": words}, words, tf.TensorSpec(rows, tf.float32))
        drawn = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return drawn.apply(tf.data.experimental.assert_cardinality(len(order) - skip))

    def batch(self, chosen: np.ndarray, seed: Sequence[int]):
        """One batch of the images with these indices; -1 fills up, and is worth nothing."""
        real = chosen >= 0
        image = self.batches.source.read(np.where(real, chosen, chosen[0]).tolist())
        noise = uniform_noise(len(chosen) * self.samples, self.max_length - 1, seed)
        noise = noise.reshape(len(chosen), self.samples, -1)
        seen = image.astype("float32")
        drawn = {
            name: np.asarray(part)
            for name, part in self.sampler.predict_on_batch({"image": seen, "noise": noise}).items()
        }
        greedy = {name: np.asarray(part) for name, part in self.searcher.predict_on_batch(seen).items()}
        earned = self.rewarded(drawn["words"], drawn["lengths"], drawn["ended"], chosen)
        usual = self.rewarded(greedy["words"], greedy["lengths"], np.ones_like(greedy["lengths"], bool), chosen)
        self.rewards.append(float(earned[real].mean()))
        advantages = np.where(real[:, None], earned - usual, 0.0).astype("float32")
        words = self.as_ids(drawn, real)
        return {"image": image, "words": words[:, :, :-1]}, words[:, :, 1:], advantages

    def rewarded(self, words, lengths, ended, chosen) -> np.ndarray:
        """Rewards `(B, C)` of captions `(B, C, T)`."""
        texts = [
            self.vocabulary.decode(row[:length])
            for row, length in zip(words.reshape(-1, words.shape[-1]), lengths.ravel(), strict=True)
        ]
        images = np.repeat([self.rows[int(image)] if image >= 0 else 0 for image in chosen], words.shape[1])
        return self.reward(texts, ended.ravel(), images).reshape(lengths.shape)

    def as_ids(self, drawn, real) -> np.ndarray:
        """The drawn captions as `(B, C, max_length)` ids: start, words, end if it was drawn, padding."""
        vocabulary, (images, samples, _) = self.vocabulary, drawn["words"].shape
        ids = np.full((images, samples, self.max_length), vocabulary.pad_id, "int32")
        ids[:, :, 0] = vocabulary.start_id
        # The end word itself is part of the caption; what follows it is not.
        last = drawn["lengths"] + drawn["ended"]
        place = np.arange(self.max_length - 1)
        ids[:, :, 1:] = np.where(place < last[:, :, None], drawn["words"], vocabulary.pad_id)
        return np.where(real[:, None, None], ids, vocabulary.pad_id)
