"""A small network in VGG's manner, trained from scratch with the decoder."""

import keras

from captioner.encoders.base import Encoder, grid_head
from captioner.errors import UserError
from captioner.images.decode import ImageSpec


@keras.saving.register_keras_serializable("captioner")
class SmallVGGEncoder(Encoder):
    """A small VGG trained from scratch: pairs of 3 x 3 convolutions, pooling, and a position embedding.

        four blocks of   [conv 3 x 3, batch normalisation, ReLU] x 2     with C/8, C/4, C/2 and C channels
        between them     2 x 2 maximum pooling

    so images of 64 x 64 become a grid of 8 x 8 positions. Convolutions see what is at a position, hardly where it is,
    and attention adds positions up; `PositionEmbedding` therefore adds row and column, from which the decoder can learn
    `left of` and `above`.

    It is trained whole: there is no frozen backbone, nothing to keep on disk, and everything is saved in the
    preset.

    Args:
        channels: C, of the last block; a multiple of 8.
        image_size: height and width; a multiple of 8.
        pool: 2 halves the grid once more, 1 leaves it.
    """

    def __init__(self, channels=128, image_size=64, pool=1, **kwargs):
        self._config = {"channels": channels, "image_size": image_size, "pool": pool}
        if image_size % (8 * pool) or channels % 8:
            raise UserError(
                f"A small VGG needs an image size that is a multiple of {8 * pool} and channels that are a multiple "
                f"of 8, but encoder.image_size is {image_size} and encoder.options.channels is {channels}."
            )
        spec = ImageSpec(image_size, image_size, "tf")
        layers = []
        for block, width in enumerate((channels // 8, channels // 4, channels // 2, channels), start=1):
            if block > 1:
                layers.append(keras.layers.MaxPooling2D(2, name=f"block{block - 1}_pool"))
            for number in (1, 2):
                layers += _convolution(width, f"block{block}_conv{number}")
        if pool > 1:
            layers.append(keras.layers.MaxPooling2D(pool, name="grid_pool"))
        layers.append(PositionEmbedding(name="position_embedding"))
        size = image_size // 8 // pool
        super().__init__(spec, None, grid_head((image_size, image_size, 3), layers), (size, size), **kwargs)

    def get_config(self):
        return {**super().get_config(), **self._config}


def _convolution(width: int, name: str) -> list[keras.layers.Layer]:
    return [
        keras.layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name),
        # A short memory: an epoch on a small data set is some sixty steps, and 0.99 would still remember
        # the start.
        keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm"),
        keras.layers.ReLU(name=f"{name}_relu"),
    ]


@keras.saving.register_keras_serializable("captioner")
class PositionEmbedding(keras.layers.Layer):
    """Learned embedding of rows and columns: `outputs[y, x] = inputs[y, x] + row[y] + column[x]`.

    A vector for each position would have to see an object at every position to be learned; that of a row is learned
    from all its positions.

    Call arguments:
        inputs: `(B, h, w, c)`, returned in the same shape.
    """

    def build(self, input_shape):
        _, height, width, channels = input_shape
        # Of the order of normalised features. Two initialisers: one would draw the same numbers twice, and a position
        # (y, x) would begin with the same code as (x, y).
        row, column = (keras.initializers.RandomNormal(stddev=0.3) for _ in range(2))
        self.row = self.add_weight((height, 1, channels), initializer=row, name="row")
        self.column = self.add_weight((1, width, channels), initializer=column, name="column")

    def call(self, inputs):
        return inputs + self.row + self.column
