"""Recurrent visual attention as an encoder: the memory is what is known after each glimpse."""

import keras

from captioner.cells.build import build_cell
from captioner.encoders.base import Encoder
from captioner.images.decode import ImageSpec
from captioner.layers.glimpses import GlimpseCore


@keras.saving.register_keras_serializable("captioner")
class GlimpseEncoder(Encoder):
    """A series of glimpses at locations that the network chooses: memory is its output after each.

    It is trained whole and it is stochastic, so nothing can be cached. In training locations are sampled, and those
    after which captions become likelier are sampled more often (`GlimpseCore.reinforce_loss`); in use it looks at the
    mean location. The glimpses do not lie in a grid.

    Args:
        units: D.
        image_size: height and width; a multiple of 2^(scales - 1).
        glimpses, size, scales: see `GlimpseCore`.
        cell: name of the recurrent cell.

    Returns:
        memory `(B, glimpses, D)`.

    Reference: [Mnih et al. 2014](https://arxiv.org/abs/1406.6247).
    """

    stochastic = True

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
