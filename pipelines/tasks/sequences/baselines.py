"""Baselines without recurrence: the same inputs and labels, and a plain hidden layer between them."""

import keras

from captioner.models.sequences.build import build_inputs
from captioner.models.sequences.labels import OneToOne
from captioner.models.sequences.model import IN_STEP, SequenceModel
from captioner.training.losses import MaskedCrossEntropy
from pipelines.tasks.sequences.batches import NONE, SequenceBatches

NAMES = {"tag": "each word by itself", "classify": "a bag of words", "frames": "each frame by itself"}


class WithoutRecurrence(SequenceModel):
    """A `SequenceModel` whose network ignores the order: each step by itself, or, to classify, the mean of all."""

    def _build_network(self):
        settings = self.settings
        inputs, pool = build_inputs(settings, len(self.vocabulary)), settings.task not in IN_STEP
        units = settings.reader.units
        network = OneToOne(len(settings.labels), units, pool=pool, inputs=inputs, name="without_recurrence")
        network(self._example())
        return network


def train_without_recurrence(
    model: SequenceModel, batches: SequenceBatches, epochs: int, seed: int
) -> WithoutRecurrence:
    """Learns the batches with a network that has no recurrence, of the sizes of `model`."""
    keras.utils.set_random_seed(seed)
    baseline = WithoutRecurrence(model.settings, model.vocabulary)
    baseline.network.compile(optimizer=keras.optimizers.Adam(3e-3), loss=MaskedCrossEntropy(pad_id=NONE))
    for epoch in range(epochs):
        baseline.network.fit(batches.epoch(epoch), shuffle=False, verbose=0)
    return baseline
