"""Questions to batches: which images in which order, which questions of each, as a `tf.data` pipeline.

The order of an epoch depends on the seed and the epoch alone, so a run that was stopped goes on in the middle of an
epoch with exactly the batches that are left.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pipelines.data.epoch_order import EpochOrder
from pipelines.tasks.vqa.images import QuestionsByImage


@dataclass(frozen=True)
class QuestionTargets:
    """What N questions are to be answered.

    values: `(N,)` classes, `(N, K)` shares of each class, or `(N, A)` word ids with start and end.
    known: bool `(N,)`, questions with a target; others are left out.
    ignored: the target that has no loss.
    written: whether targets are words; the network then reads them up to the last but one.
    """

    values: np.ndarray
    known: np.ndarray
    ignored: int
    written: bool = False


class QuestionBatches(EpochOrder):
    """The training batches of a data set.

    A batch holds `images_per_batch` images with `questions_per_image` questions each: an image is encoded once for all
    its questions. An image with more questions gives others each epoch; one with fewer repeats its own, and the
    last batch of an epoch is filled up with other images of the epoch, so that all have one shape. What fills up has no
    target, so it weighs nothing in the loss. Batch normalisation counts it all the same, in the statistics of images
    and in those of what questions find in them; that is why it is of the same kind as what is learned from.

    Args:
        questions: the images and which questions belong to them.
        words: question ids `(N, T)`.
        targets: what is to be answered.
        images_per_batch, questions_per_image: B and Q.
        seed: of the order.
    """

    def __init__(
        self,
        questions: QuestionsByImage,
        words: np.ndarray,
        targets: QuestionTargets,
        images_per_batch: int,
        questions_per_image: int,
        seed: int,
    ):
        self.questions = [np.array([n for n in numbers if targets.known[n]], int) for numbers in questions.questions]
        self.source, self.written, self.words = questions.source, targets.written, words
        usable = [readable and len(own) > 0 for readable, own in zip(self.source.readable, self.questions, strict=True)]
        super().__init__(np.flatnonzero(usable), images_per_batch, seed)
        self.questions_per_image = questions_per_image
        # One row more, which counts nothing: the target of what fills up.
        self.targets = np.concatenate([targets.values, np.full_like(targets.values[:1], targets.ignored)])
        self.filler = len(words)

    def rows(self, images: np.ndarray, mask: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The questions of a batch's images in an epoch, and the targets that they are learned with; both `(B, Q)`.

        With Q = 4 and an image that has the questions 7 and 8:
            mask True   -> [7, 8, 7, 8], [7, 8, filler, filler]
            mask False  -> [7, 8, 7, 8], [filler, filler, filler, filler]
        """
        question_rows = np.empty((len(images), self.questions_per_image), int)
        target_rows = np.full_like(question_rows, self.filler)
        for row, (image, real) in enumerate(zip(images, mask, strict=True)):
            own = self.questions[image]
            if len(own) > self.questions_per_image:
                own = np.random.default_rng([self.seed, epoch, image]).permutation(own)[: self.questions_per_image]
            question_rows[row] = np.resize(own, self.questions_per_image)
            if real:
                target_rows[row, : len(own)] = own
        return question_rows, target_rows

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from step `skip` on: `(inputs, targets)` of `VisualQANetwork`."""
        images, mask = self.order(epoch)
        sample = self.source.read([int(self.indices[0])])
        shapes = {
            "image": (self.images_per_batch, *sample.shape[1:]),
            "questions": (self.images_per_batch, self.questions_per_image, self.words.shape[1]),
            "targets": (self.images_per_batch, self.questions_per_image, *self.targets.shape[1:]),
        }
        types = (sample.dtype, self.words.dtype, self.targets.dtype)

        def read(step):
            question_rows, target_rows = self.rows(images[step], mask[step], epoch)
            return self.source.read(images[step].tolist()), self.words[question_rows], self.targets[target_rows]

        def load(step):
            image, words, targets = tensors = tf.numpy_function(read, [step], types, stateful=False)
            for values, shape in zip(tensors, shapes.values(), strict=True):
                values.set_shape(shape)
            inputs = {"image": image, "questions": words}
            if self.written:
                inputs["words"], targets = targets[:, :, :-1], targets[:, :, 1:]
            return inputs, targets

        steps = tf.data.Dataset.range(skip, len(images))
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
