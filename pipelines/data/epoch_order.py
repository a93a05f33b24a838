"""Which images are in which batch of an epoch, and what fills up the last batch.

All batches have one shape, so the last one holds images that have no targets. A network sees them all the same, and
batch normalisation takes its mean and variance of all that it sees: copies of one image would move the running
statistics towards that image, at the end of each epoch, just before the development split is evaluated. So other images
of the epoch fill up.
"""

import numpy as np


def epoch_order(images: np.ndarray, batch_size: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """The images of an epoch in order; it depends on the arguments alone.

    Args:
        images: their indices `(N,)`.
        batch_size: int, B.

    Returns:
        the indices `(steps, B)`, and the mask bool `(steps, B)`: False for the images that fill up the last batch,
        which are the first of the epoch once more, and have no targets.
    """
    order = np.random.default_rng([seed, epoch]).permutation(images)
    steps = -(-len(order) // batch_size)
    indices = np.resize(order, steps * batch_size)  # begins again where the epoch ends
    mask = np.arange(len(indices)) < len(order)
    return indices.reshape(steps, batch_size), mask.reshape(steps, batch_size)
