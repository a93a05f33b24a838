"""A network that looks at an image in a series of glimpses, as an encoder."""

import keras

from captioner.cells.build import build_cell
from captioner.encoders.base import Encoder
from captioner.images.decode import ImageSpec
from captioner.layers.glimpses import GlimpseCore


@keras.saving.register_keras_serializable("captioner")
class GlimpseEncoder(Encoder):
    """A series of glimpses, each place chosen by the network: memory is what it knows after each.

    It is trained whole, and by chance: there is nothing to keep on disk. While it learns, places are drawn, and those
    after which captions become likelier are drawn more often (`GlimpseCore.learn_where`); in use it looks at the mean
    place. The glimpses do not lie in a grid.

    Args:
        units: D.
        image_size: height and width; a multiple of 2^(scales - 1).
        glimpses, size, scales: see `GlimpseCore`.
        cell: name of the recurrent cell.

    Returns:
        memory `(B, glimpses, D)`.

    Reference: [Mnih et al. 2014](https://arxiv.org/abs/1406.6247).
    """

    def __init__(self, units=128, image_size=64, glimpses=6, size=12, scales=3, cell="lstm", **kwargs):
        self._config = {
            "units": units,
            "image_size": image_size,
            "glimpses": glimpses,
            "size": size,
            "scales": scales,
            "cell": cell,
        }
        head = GlimpseCore(build_cell(cell, units), glimpses, size, scales, units, name="head")
        head.build((None, image_size, image_size, 3))
        super().__init__(ImageSpec(image_size, image_size, "tf"), None, head, None, **kwargs)

    def get_config(self):
        return {**super().get_config(), **self._config}
