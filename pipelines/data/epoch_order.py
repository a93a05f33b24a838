"""Which images are in which batch of an epoch, and what fills up the last batch.

All batches have one shape, so the last one holds images that have no targets. A network sees them all the same, and
batch normalisation takes its mean and variance of all that it sees: copies of one image would move the running
statistics towards that image, at the end of each epoch, just before the development split is evaluated. So other images
of the epoch fill up.
"""

import numpy as np


class EpochOrder:
    """The images of each epoch in batches; the order depends on the seed and the epoch alone.

    Args:
        indices: of the images `(N,)`.
        images_per_batch: int, B.
        seed: of the order.
    """

    def __init__(self, indices: np.ndarray, images_per_batch: int, seed: int):
        self.indices, self.images_per_batch, self.seed = indices, images_per_batch, seed

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.indices) // self.images_per_batch)

    def order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The images of an epoch.

        Returns:
            their indices `(steps, B)`, and the mask bool `(steps, B)`: False for the images that fill up the last
            batch, which are the first of the epoch once more, and have no targets.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(self.indices)
        shape = (self.steps, self.images_per_batch)
        mask = np.arange(self.steps * self.images_per_batch) < len(order)
        return np.resize(order, shape), mask.reshape(shape)  # begins again where the epoch ends
