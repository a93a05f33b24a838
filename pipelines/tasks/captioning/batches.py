"""Examples to batches: which images in which order, which captions of each, as a `tf.data` pipeline.

The order of an epoch depends on the seed and the epoch alone, so a run that was stopped goes on in the middle of an
epoch with exactly the batches that are left.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from captioner.text.vocabulary import Vocabulary
from pipelines.data.epoch_order import EpochOrder
from pipelines.data.features.augmented import read_epoch
from pipelines.data.features.sources import Source


class CaptionBatches(EpochOrder):
    """The training batches of a data set.

    A batch holds `images_per_batch` images with `captions_per_image` captions each: an image is encoded once for all
    its captions. An image with more captions gives others each epoch; one with fewer has rows of padding, which count
    nothing. The last batch of an epoch is filled up with other images of the epoch, which have only such rows, so that
    all have one shape.

    Args:
        source: the images.
        captions: the captions of each image, in the source's order.
        vocabulary: turns captions into ids.
        max_length: ids of a caption: start, words, end.
        images_per_batch, captions_per_image: B and C.
        seed: of the order.
        sampling_probability: for scheduled sampling, the number of steps done and the steps of an epoch -> the
            probability that an input word is sampled by the decoder. Which words, and the noise that samples them,
            depend on seed, epoch and step alone.
    """

    def __init__(
        self,
        source: Source,
        captions: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
        max_length: int,
        images_per_batch: int,
        captions_per_image: int,
        seed: int,
        sampling_probability: Callable[[int, int], float] | None = None,
    ):
        usable = [readable and bool(own) for readable, own in zip(source.readable, captions, strict=True)]
        super().__init__(np.flatnonzero(usable), images_per_batch, seed)
        self.source = source
        self.captions_per_image = captions_per_image
        self.max_length = max_length
        self.sampling_probability = sampling_probability
        self.pad_id = vocabulary.pad_id
        self.ids = [
            np.array([vocabulary.encode(caption, max_length) for caption in own], "int32").reshape(-1, max_length)
            for own in captions
        ]

    def words(self, images: np.ndarray, mask: np.ndarray, epoch: int) -> np.ndarray:
        """Caption ids `(B, C, max_length)` of a batch's images in an epoch; padding where the mask is False."""
        words = np.full((len(images), self.captions_per_image, self.max_length), self.pad_id, "int32")
        for row in np.flatnonzero(mask):
            image = images[row]
            ids = self.ids[image]
            if len(ids) > self.captions_per_image:
                ids = np.random.default_rng([self.seed, epoch, image]).permutation(ids)[: self.captions_per_image]
            words[row, : len(ids)] = ids
        return words

    def sampling_inputs(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Of a step of an epoch: which words the decoder samples, bool `(B, C, T)`, and uniform noise in [0, 1)."""
        shape = (2, self.images_per_batch, self.captions_per_image, self.max_length - 1)
        choice, noise = np.random.default_rng([self.seed, epoch, step, 1]).random(shape, dtype="float32")
        return choice < self.sampling_probability(epoch * self.steps + step, self.steps), noise

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from step `skip` on.

        Each is `({"image": (B, ...), "words": (B, C, T), "targets": (B, C, T)}, targets (B, C, T))`: decoders that
        learn from more than cross-entropy need to see the targets themselves. With `sampling_probability` the inputs
        also hold `"sample_mask" (B, C, T)` and `"uniform_noise" (B, C, T)`.
        """
        images, mask = self.order(epoch)
        sample = self.source.read([int(self.indices[0])])
        shape, dtype = sample.shape[1:], sample.dtype

        def read(step):
            image = read_epoch(self.source, epoch, images[step].tolist())
            words = self.words(images[step], mask[step], epoch)
            sampling = self.sampling_inputs(epoch, int(step)) if self.sampling_probability else ()
            return image, words[:, :, :-1], words[:, :, 1:], *sampling

        def load(step):
            types = (dtype, tf.int32, tf.int32, *([tf.bool, tf.float32] if self.sampling_probability else []))
            image, *rows = tf.numpy_function(read, [step], types, stateful=False)
            image.set_shape((self.images_per_batch, *shape))
            for values in rows:
                values.set_shape((self.images_per_batch, self.captions_per_image, self.max_length - 1))
            inputs = dict(zip(("words", "targets", "sample_mask", "uniform_noise"), rows, strict=False))
            return {"image": image, **inputs}, inputs["targets"]

        steps = tf.data.Dataset.range(skip, len(images))
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
