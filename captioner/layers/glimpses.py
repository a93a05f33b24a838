"""Recurrent visual attention: an image is seen in glimpses, at locations that the network chooses."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class GlimpseCore(keras.layers.Layer):
    """The recurrent attention model: it sees an image in a series of glimpses and chooses where to look next.

        x_t   = patches of the image around l_t, one a scale        glimpse sensor, see `retina`
        g_t   = relu(W_g [what(x_t); relu(W_l l_t)])                glimpse network
        h_t   = cell(g_t, h_(t-1))                                  core network
        mu_t  = tanh(W_h h_t + b_h)                                 location network
        l_t+1 ~ N(mu_t, spread^2 I)  while training, mu_t else      l_1 is the middle of the image
        b_t   = w . h_t + c                                         baseline: the expected reward

    `what` is two convolutions with a 2 x 2 maximum pooling between them, the same for all scales, and a dense layer.
    Nothing is differentiated through l_t: the location network learns from a reward by `reinforce_loss`. The noise of
    all locations is drawn before the loop.

    Args:
        cell: any recurrent cell, or a stack of them.
        glimpses: int, T, at least 2.
        size: int, g. Pixels each way of a patch, even.
        scales: int, s. Patches of a glimpse; each shows twice the width of the one before, at half the resolution.
        units: int. Size of g_t.
        spread: float. Standard deviation of locations while training, where 1 is half the image.
        filters: int. Of the first convolution; the second has twice as many.

    Call arguments:
        images: float `(B, H, W, C)`; H and W multiples of 2^(s-1). 0 is what lies beyond the edges.
        training: whether locations are sampled.

    Returns:
        `(B, T, D)`, D the size of the cell's output.

    Reference: [Mnih et al. 2014](https://arxiv.org/abs/1406.6247), sections 3 and 4.
    """

    def __init__(
        self,
        cell,
        glimpses=6,
        size=12,
        scales=3,
        units=128,
        spread=0.2,
        filters=12,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if glimpses < 2 or size < 2 or size % 2 or scales < 1:
            raise ValueError(
                "A series has at least 2 glimpses, and a patch an even number of pixels; received "
                f"glimpses={glimpses}, size={size}, scales={scales}."
            )
        self.cell = cell
        self.glimpses, self.size, self.scales, self.units = glimpses, size, scales, units
        self.spread, self.filters = spread, filters
        dense = keras.layers.Dense
        self.features = keras.Sequential(
            [
                keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name="conv1"),
                keras.layers.MaxPooling2D(2, name="pool"),
                keras.layers.Conv2D(2 * filters, 3, padding="same", activation="relu", name="conv2"),
                keras.layers.Flatten(name="flatten"),
            ],
            name="features",
        )
        self.what = dense(units, activation="relu", name="what")
        self.where = dense(units, activation="relu", name="where")
        self.join = dense(units, activation="relu", name="join")
        # Small first weights: a network that begins by looking at the edges hardly ever learns to come back.
        self.locate = dense(2, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name="locate")
        self.expect = dense(1, name="expect")
        self.chance = keras.random.SeedGenerator()

    def build(self, images_shape):
        coarsest = 2 ** (self.scales - 1)
        if images_shape[1] % coarsest or images_shape[2] % coarsest:
            raise ValueError(
                f"Images of {images_shape[1]} x {images_shape[2]} pixels cannot be halved {self.scales - 1} times, as "
                f"{self.scales} scales need."
            )
        self.features.build((None, self.size, self.size, images_shape[-1]))
        self.what.build((None, self.scales * self.features.output_shape[-1]))
        self.where.build((None, 2))
        self.join.build((None, 2 * self.units))
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, self.units))
        self.locate.build((None, self.cell.output_size))
        self.expect.build((None, self.cell.output_size))
        self.built = True

    def call(self, images, training=False):
        return self.take_glimpses(images, training=training)[0]

    def compute_output_shape(self, images_shape):
        return (images_shape[0], self.glimpses, self.cell.output_size)

    def take_glimpses(self, images, training=False):
        """What `call` returns, and what the choice of locations learns from.

        Returns:
            `(outputs (B, T, D), glimpses)`, a dictionary of `locations (B, T, 2)`, the x and y of each glimpse, -1 to
            1 from left to right and from top to bottom; `log_probability (B, T-1)` of each location but the first, and
            `baseline (B, T-1)`, the reward that was expected before each was chosen.
        """
        rows = ops.shape(images)[0]
        levels = pyramid(images, self.scales)
        noise = None
        if training:
            noise = keras.random.normal((rows, self.glimpses - 1, 2), seed=self.chance)
        states = self.cell.get_initial_state(batch_size=rows)
        location = ops.zeros((rows, 2), dtype=images.dtype)
        outputs, locations, log_probabilities, baseline = [], [], [], []
        for t in range(self.glimpses):  # T is static and short
            locations.append(location)
            output, states = self.cell.advance(self.cell.project(self.glimpse(levels, location)), states)
            outputs.append(output)
            if t + 1 < self.glimpses:
                mean = ops.tanh(self.locate(output))
                location = ops.stop_gradient(mean if noise is None else mean + self.spread * noise[:, t])
                log_probabilities.append(log_density(location, mean, self.spread))
                baseline.append(ops.squeeze(self.expect(ops.stop_gradient(output)), axis=-1))
        glimpses = {
            "locations": ops.stack(locations, axis=1),
            "log_probability": ops.stack(log_probabilities, axis=1),
            "baseline": ops.stack(baseline, axis=1),
        }
        return ops.stack(outputs, axis=1), glimpses

    def glimpse(self, levels, location):
        """The glimpse network: what is seen at locations `(B, 2)`, as `(B, units)`. Beyond the edges are zeros."""
        inside = ops.clip(location, -1.0, 1.0)
        patches = retina(levels, inside, self.size)
        features = self.features(ops.concatenate(patches, axis=0))
        what = self.what(ops.concatenate(ops.split(features, self.scales, axis=0), axis=-1))
        return self.join(ops.concatenate([what, self.where(inside)], axis=-1))

    def reinforce_loss(self, glimpses, reward, rows=None, weight=1.0, rollouts=1):
        """The loss whose gradient makes rewarded locations more likely (REINFORCE), and the baseline better.

            loss = 1/N sum_n [ - r sum_t (R_n - b_nt) log p(l_n,t+1) + mean_t (b_nt - R_n)^2 ]

        The baseline leaves the mean of the estimate as it is and reduces its variance; R - b is not differentiated.
        With several rollouts of each image the mean R - b of the others is subtracted as well: it removes the variance
        that comes from how easy an image is.

        Args:
            glimpses: from `take_glimpses`.
            reward: R `(B,)`.
            rows: `(B,)`, 1 for rows that count, 0 for those that fill up a batch; all count by default.
            weight: float, r.
            rollouts: int. Rows of one image, side by side, each with other locations.

        Reference: Williams 1992; Mnih et al. 2014, equations 1 and 2 and "Using a Hybrid Supervised Loss".
        """
        reward = ops.stop_gradient(reward)[:, None]
        rows = ops.ones_like(reward[:, 0]) if rows is None else rows
        advantage = ops.stop_gradient(reward - glimpses["baseline"])
        if rollouts > 1:
            grouped = ops.reshape(advantage, (-1, rollouts, advantage.shape[-1]))
            others = (ops.sum(grouped, axis=1, keepdims=True) - grouped) / (rollouts - 1)
            advantage = ops.reshape(grouped - others, (-1, advantage.shape[-1]))
        chosen = -weight * ops.sum(advantage * glimpses["log_probability"], axis=-1)
        wrong = ops.mean((glimpses["baseline"] - reward) ** 2, axis=-1)
        return ops.sum(rows * (chosen + wrong)) / ops.maximum(ops.sum(rows), 1.0)

    def get_config(self):
        names = ("glimpses", "size", "scales", "units", "spread", "filters")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell), **own}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


def log_density(location, mean, spread):
    """log N(location; mean, spread^2 I) `(B,)` of locations `(B, 2)`."""
    return -ops.sum((location - mean) ** 2, axis=-1) / (2 * spread**2) - 2 * math.log(spread) - math.log(2 * math.pi)


def pyramid(images, scales):
    """An image `(B, H, W, C)` at full resolution, at a half, at a quarter ...: a list of `scales` tensors."""
    levels = [images]
    for _ in range(scales - 1):
        levels.append(ops.average_pool(levels[-1], 2))
    return levels


def retina(levels, locations, size):
    """Patches around locations `(B, 2)`, one of each level: a list of s tensors `(B, size, size, C)`.

    The patch of level k shows `size` x 2^k pixels of the image each way.
    """
    return [crop(level, locations, size) for level in levels]


def crop(image, locations, size):
    """A patch `(B, size, size, C)` of an image `(B, h, w, C)`, bilinear, 0 beyond the edges.

    Rows and columns are weighed one after the other, so that it is two products of matrices and compiles everywhere:

        patch_ij = sum_y max(0, 1 - |r_i - y|) sum_x max(0, 1 - |c_j - x|) image_yx

    Args:
        locations: `(B, 2)`, x and y of the patch's middle; -1 is the left or upper edge, 1 the right or lower one.
    """
    steps = ops.cast(ops.arange(size), image.dtype) - (size - 1) / 2

    def weights(location, length):
        middle = (location + 1.0) * (length / 2) - 0.5  # pixel 0 reaches from -0.5 to 0.5
        at = middle[:, None, None] + steps[:, None]
        return ops.relu(1.0 - ops.abs(at - ops.cast(ops.arange(length), image.dtype)))

    rows = ops.einsum("biy,byxc->bixc", weights(locations[:, 1], image.shape[1]), image)
    return ops.einsum("bjx,bixc->bijc", weights(locations[:, 0], image.shape[2]), rows)
