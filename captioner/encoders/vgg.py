"""VGG16 and VGG19 as encoders (Simonyan & Zisserman, 2014, https://arxiv.org/abs/1409.1556)."""

import keras

from captioner.encoders.backbone import Backbone
from captioner.encoders.base import Encoder, grid_head, normalised, vector_head
from captioner.encoders.pretrained import build_application
from captioner.errors import UserError
from captioner.images.decode import ImageSpec

LAST_BLOCK = tuple(f"block5_conv{n}" for n in (1, 2, 3, 4))  # VGG16 has three of them


class VGGEncoder(Encoder):
    """A VGG network, cut at its last convolution (a grid) or at its last hidden layer (one vector).

        features="grid"                    backbone: ... block5_conv3 [pool]   head: nothing to train
        features="grid", train_last_block  backbone: ... block4_pool           head: block 5 [pool], trained
        features="fc7"                     backbone: ... fc2                   head: nothing to train

    With images of 224 x 224 the grid has 14 x 14 positions of 512 numbers; `pool=2` makes it 7 x 7, which is
    VGG's own last pooling. A pooled grid is a quarter of the size on disk.

    Args:
        features: `grid` or `fc7`, the 4096-vector, for which P = 1.
        weights: `imagenet`, `none`, or the path of a weights file. `fc7` needs one with the dense layers.
        pool: 1 or 2, the maximum pooling of the grid.
        train_last_block: whether block 5 is trained (from the weights above) with the decoder.
        image_size: height and width; `fc7` of trained weights needs 224.
        half_precision: run the backbone in bfloat16 where the machine is faster at it.
        dropout: share of the normalised memory that is dropped in training.
        pca_components: principal components of the training images' features that a position keeps; 0: all.
    """

    network = ""

    def __init__(
        self,
        features="grid",
        weights="imagenet",
        pool=1,
        train_last_block=False,
        image_size=224,
        half_precision=True,
        dropout=0.0,
        pca_components=0,
        **kwargs,
    ):
        self._config = {
            "features": features,
            "weights": weights,
            "pool": pool,
            "train_last_block": train_last_block,
            "image_size": image_size,
            "half_precision": half_precision,
            "dropout": dropout,
            "pca_components": pca_components,
        }
        if features not in ("grid", "fc7"):
            raise UserError(f"encoder.options.features is one of grid, fc7, received {features!r}.")
        if train_last_block and pca_components:
            raise UserError(
                "encoder.pca_components are computed once, but encoder.options.train_last_block changes what they are "
                "computed from. Set one of the two."
            )
        if features == "fc7":
            self._refuse_for_fc7(train_last_block, image_size, weights)
        spec = ImageSpec(image_size, image_size, "caffe")
        model = build_application(self.network, weights, features == "fc7", image_size, half_precision)
        if features == "fc7":
            backbone = Backbone(self.network, model.input, model.get_layer("fc2").output, "fc2")
            head = vector_head(backbone.shape, normalised(backbone.shape[-1], dropout, pca_components))
            grid = None
        elif train_last_block:
            backbone = Backbone(self.network, model.input, model.get_layer("block4_pool").output, "block4_pool")
            head = _last_block(model, backbone.shape, pool, dropout)
            grid = tuple(size // pool for size in backbone.shape[:2])
        else:
            last = [layer for layer in model.layers if layer.name.startswith("block5_conv")][-1]
            backbone = Backbone(self.network, model.input, last.output, last.name, pool)
            head = grid_head(backbone.shape, normalised(backbone.shape[-1], dropout, pca_components))
            grid = backbone.shape[:2]
        super().__init__(spec, backbone, head, grid, **kwargs)

    def _refuse_for_fc7(self, train_last_block: bool, image_size: int, weights: str) -> None:
        if train_last_block:
            raise UserError(
                "encoder.options.train_last_block trains the last convolutions, but fc7 features come after them. "
                "Set encoder.options.features to `grid`, or leave the last block as it is."
            )
        if image_size != 224 and weights != "none":
            raise UserError(
                f"fc7 features of {self.network} need images of 224 x 224 pixels, but encoder.image_size is "
                f"{image_size}. Leave it at 224, or set encoder.options.features to `grid`."
            )

    def get_config(self):
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("captioner")
class VGG16Encoder(VGGEncoder):
    """VGG16: 13 convolutions, as a 14 x 14 grid of 512 numbers or as one vector of 4096."""

    network = "VGG16"


@keras.saving.register_keras_serializable("captioner")
class VGG19Encoder(VGGEncoder):
    """VGG19: 16 convolutions, as a 14 x 14 grid of 512 numbers or as one vector of 4096."""

    network = "VGG19"


def _last_block(model, shape, pool: int, dropout: float) -> keras.Sequential:
    """Block 5 again, in single precision and trainable, beginning with the weights it has in `model`."""
    trained = [layer for layer in model.layers if layer.name.startswith("block5_conv")]
    layers = [
        keras.layers.Conv2D(layer.filters, 3, padding="same", activation="relu", name=layer.name) for layer in trained
    ]
    pooling = [keras.layers.MaxPooling2D(pool, name="grid_pool")] if pool > 1 else []
    head = grid_head(shape, [*layers, *pooling, *normalised(layers[-1].filters, dropout)])
    for ours, theirs in zip(layers, trained, strict=True):
        ours.set_weights(theirs.get_weights())
    return head
