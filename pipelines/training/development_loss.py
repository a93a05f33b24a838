"""The loss on the development split, computed as that of the training, without dropout and all other noise."""

from pipelines.data.epoch_order import EpochOrder
from pipelines.data.tf_options import fast_input_options

MOST_IMAGES = 2000  # a sample of them tells whether a loss still falls; reading all of a large split takes minutes


def development_loss(network, batches: EpochOrder) -> float | None:
    """The mean loss of batches, the same ones after each epoch.

    Args:
        network: a Keras model, compiled with the loss.
        batches: those of a training (see `pipelines.training.loop.Batches`), of examples that it does not learn from.

    Returns:
        None where nothing has a target.
    """
    if not batches.steps:
        return None
    steps = max(1, min(batches.steps, MOST_IMAGES // batches.images_per_batch))
    return float(network.evaluate(fast_input_options(batches.epoch(0).take(steps)), verbose=0))
