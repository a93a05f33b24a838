"""Two networks of one size: one takes glimpses of an image, the other sees a small copy of the whole."""

import keras
from keras import ops

from captioner.cells.build import build_cell
from captioner.layers.glimpses import GlimpseCore


class GlimpseNetwork(keras.Model):
    """Classifies an image by the output of the core after the last glimpse.

    The loss is a hybrid one: cross-entropy for the class (the trainer's), the gradient of the expected reward for the
    locations, and squared error for their baseline, both added here. The reward is the probability of the right class,
    which is the mean of a reward of 1 for a right and 0 for a wrong sampled class, with less noise.

    Args:
        core: `GlimpseCore`, built.
        labels: int, K.
        reinforce_weight, rollouts: see `GlimpseCore.reinforce_loss`.

    Call arguments:
        inputs: `{"image": uint8 (B, H, W, 3), "label": int (B,)}`, a negative label for rows that do not count. Labels
            are needed while training.

    Returns:
        logits `(B, K)`.

    Reference: [Mnih et al. 2014](https://arxiv.org/abs/1406.6247), section 3.1.
    """

    def __init__(self, core, labels, reinforce_weight=1.0, rollouts=1, **kwargs):
        super().__init__(**kwargs)
        self.core = core
        self.reinforce_weight, self.rollouts = reinforce_weight, rollouts
        self.classify = keras.layers.Dense(labels, name="classify")

    def call(self, inputs, training=False):
        outputs, glimpses = self.core.take_glimpses(centred(inputs["image"]), training=training)
        logits = self.classify(outputs[:, -1])
        if training:
            label = ops.cast(inputs["label"], "int32")
            reward = ops.sum(ops.softmax(logits, axis=-1) * ops.one_hot(label, logits.shape[-1]), axis=-1)
            counts = ops.cast(label >= 0, logits.dtype)
            self.add_loss(self.core.reinforce_loss(glimpses, reward, counts, self.reinforce_weight, self.rollouts))
        return logits

    def path(self, images):
        """`(logits (B, K), locations (B, T, 2))` of images uint8 `(B, H, W, 3)`."""
        outputs, glimpses = self.core.take_glimpses(centred(images))
        return self.classify(outputs[:, -1]), glimpses["locations"]


class DownscaledNetwork(keras.Model):
    """Classifies an image by a small copy of it: two convolutions, a third after pooling, and a dense layer.

    Args:
        size: int. Pixels each way of the copy, even.
        hidden: int. Units of the dense layer.
        labels: int, K.

    Call arguments, returns: as `GlimpseNetwork`; labels are ignored.
    """

    def __init__(self, size, hidden, labels, **kwargs):
        super().__init__(**kwargs)
        self.size = size

        def convolution(filters, name):
            return keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)

        self.whole = keras.Sequential(
            [
                convolution(32, "conv1"),
                convolution(64, "conv2"),
                keras.layers.MaxPooling2D(2, name="pool2"),
                convolution(64, "conv3"),
                keras.layers.MaxPooling2D(2, name="pool3"),
                keras.layers.Flatten(name="flatten"),
                keras.layers.Dense(hidden, activation="relu", name="hidden"),
                keras.layers.Dense(labels, name="classify"),
            ],
            name="network",
        )

    def call(self, inputs, training=False):
        small = ops.image.resize(centred(inputs["image"]), (self.size, self.size), antialias=True)
        return self.whole(small, training=training)


def centred(images):
    """Pixels 0..255 to -1..1."""
    return ops.cast(images, "float32") / 127.5 - 1.0


def build_glimpse_network(settings, labels) -> keras.Model:
    """The network that settings describe.

    Args:
        settings: `GlimpseNetworkSettings`.
        labels: int, K.
    """
    cell, sizes = build_cell(settings.cell, settings.units), (settings.glimpses, settings.size, settings.scales)
    core = GlimpseCore(cell, *sizes, settings.units, settings.spread, settings.filters, name="core")
    core.build((None, settings.image_size, settings.image_size, 3))
    network = GlimpseNetwork(core, labels, settings.reinforce_weight, settings.rollouts, name="glimpses")
    if settings.name == "glimpses":
        return network

    def parameters(network):
        network({"image": ops.zeros((1, settings.image_size, settings.image_size, 3)), "label": ops.zeros(1, "int32")})
        return network.count_params()

    # The number of parameters is linear in that of hidden units.
    goal = parameters(network)
    few, more = (parameters(DownscaledNetwork(settings.size, hidden, labels)) for hidden in (1, 2))
    hidden = max(round((goal - few) / (more - few)) + 1, 1)
    return DownscaledNetwork(settings.size, hidden, labels, name="downscaled")
