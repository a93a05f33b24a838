"""A language model that learns with the regulariser of Pascanu, Mikolov & Bengio 2013."""

import keras

from captioner.models.language.networks import StreamNetwork
from pipelines.training.gradients import penalised_gradients


class PenalisedStreamNetwork(StreamNetwork):
    """Learns as `StreamNetwork` does, with `gradient_penalty` x Omega added to the loss.

    Omega is that of `pipelines.training.gradients.gradient_penalty`: it counts the steps of a chunk, for all layers.
    The loss that is reported is without it.
    """

    def __init__(self, network, rows, carry_state, gradient_penalty, **kwargs):
        super().__init__(network, rows, carry_state, **kwargs)
        self.gradient_penalty = gradient_penalty

    def train_step(self, data):
        inputs, targets, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        logits = None

        def forward(loop):
            nonlocal logits
            logits = self(inputs, training=True, loop=loop)
            return self.compute_loss(inputs, targets, logits, sample_weight)

        weights = self.trainable_variables
        loss, _, gradients = penalised_gradients(forward, weights, self.gradient_penalty)
        self.optimizer.apply(gradients, weights)
        self._loss_tracker.update_state(loss, sample_weight=targets.shape[0])
        return self.compute_metrics(inputs, targets, logits, sample_weight)
