"""Questions to batches: which images in which order, which questions of each, as a `tf.data` pipeline.

The order of an epoch depends on the seed and the epoch alone, so a run that was stopped goes on in the middle of an
epoch with exactly the batches that are left.
"""

import numpy as np
import tensorflow as tf

from pipelines.visual_qa.images import AskedImages


class QuestionBatches:
    """The training batches of a data set.

    A batch holds `images_per_batch` images with `questions_per_image` questions each: an image is encoded once for all
    its questions. An image with more questions gives others each epoch; one with fewer has rows of padding, which count
    nothing. The last batch of an epoch is filled up in the same way, so that all have one shape.

    Args:
        asked: the images and which questions belong to them.
        words: question ids `(N, T)`.
        targets: what is to be answered: `(N,)` classes, `(N, K)` shares of each class, or `(N, A)` word ids with start
            and end.
        nothing: the target that counts nothing.
        known: bool `(N,)`, questions with a target; others are not asked.
        writes: whether targets are words; the network then is given them up to the last but one.
        images_per_batch, questions_per_image: B and Q.
        seed: of the order.
    """

    def __init__(
        self,
        asked: AskedImages,
        words: np.ndarray,
        targets: np.ndarray,
        nothing: int,
        known: np.ndarray,
        writes: bool,
        images_per_batch: int,
        questions_per_image: int,
        seed: int,
    ):
        self.source, self.writes, self.seed, self.nothing = asked.source, writes, seed, nothing
        self.images_per_batch, self.questions_per_image = images_per_batch, questions_per_image
        # One row more, without words and without a target: what fills up.
        self.words = np.concatenate([words, np.zeros_like(words[:1])])
        self.targets = np.concatenate([targets, np.full_like(targets[:1], nothing)])
        self.filler = len(words)
        self.questions = [np.array([n for n in numbers if known[n]], int) for numbers in asked.questions]
        self.indices = np.flatnonzero(
            [readable and len(own) > 0 for readable, own in zip(self.source.readable, self.questions, strict=True)]
        )

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.indices) // self.images_per_batch)

    def order(self, epoch: int) -> np.ndarray:
        """The images of an epoch in order, `(steps, B)`; -1 fills up the last batch."""
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(self.indices)
        filled = np.full(self.steps * self.images_per_batch, -1)
        filled[: len(shuffled)] = shuffled
        return filled.reshape(self.steps, self.images_per_batch)

    def rows(self, images: np.ndarray, epoch: int) -> np.ndarray:
        """The questions `(B, Q)` of a batch's images in an epoch."""
        rows = np.full((len(images), self.questions_per_image), self.filler)
        for row, image in zip(rows, images, strict=True):
            if image < 0:
                continue
            own = self.questions[image]
            if len(own) > self.questions_per_image:
                own = np.random.default_rng([self.seed, epoch, image]).permutation(own)[: self.questions_per_image]
            row[: len(own)] = own
        return rows

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from step `skip` on: `(inputs, targets)` of `VisualQANetwork`."""
        order = self.order(epoch)
        sample = self.source.read([int(self.indices[0])])
        shapes = {
            "image": (self.images_per_batch, *sample.shape[1:]),
            "questions": (self.images_per_batch, self.questions_per_image, self.words.shape[1]),
            "targets": (self.images_per_batch, self.questions_per_image, *self.targets.shape[1:]),
        }
        types = (sample.dtype, self.words.dtype, self.targets.dtype)

        def read(step):
            images = order[step]
            # The places that fill up a batch show its first image, without questions.
            image = self.source.read(np.where(images < 0, images[0], images).tolist())
            rows = self.rows(images, epoch)
            return image, self.words[rows], self.targets[rows]

        def load(step):
            made = tf.numpy_function(read, [step], types, stateful=False)
            for values, shape in zip(made, shapes.values(), strict=True):
                values.set_shape(shape)
            image, words, targets = made
            inputs = {"image": image, "questions": words}
            if self.writes:
                inputs["words"], targets = targets[:, :, :-1], targets[:, :, 1:]
            return inputs, targets

        steps = tf.data.Dataset.range(skip, len(order))
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
