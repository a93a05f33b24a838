"""Which images stand in which batch of an epoch, and what fills up the last batch.

All batches have one shape, so the last one holds images that count nothing. A network sees them all the same, and batch
normalisation takes its mean and variance of all that is seen: copies of one image would move the running statistics
towards that image, at the end of each epoch, just before the development split is judged. So others of the epoch's
images fill up, which are like those that they stand beside.
"""

import numpy as np


def epoch_order(images: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """The images of an epoch in order; it depends on the arguments alone.

    Args:
        images: their numbers `(N,)`.
        batch_size: int, B.

    Returns:
        `(steps, B)`. In the places that fill up the last batch stands `~n`, which is less than 0: image n, one of the
        first of the epoch, is shown there once more, and counts nothing. `shown` tells what is to be read.
    """
    order = np.random.default_rng([seed, epoch]).permutation(images)
    steps = -(-len(order) // batch_size)
    filled = np.resize(order, steps * batch_size)  # begins again where the epoch ends
    filled[len(order) :] = ~filled[len(order) :]
    return filled.reshape(steps, batch_size)


def shown(images: np.ndarray) -> np.ndarray:
    """The images that a part of an order shows, those that fill up among them.

    >>> shown(np.array([4, 0, ~4, ~0])).tolist()
    [4, 0, 4, 0]
    """
    return np.where(images < 0, ~images, images)
