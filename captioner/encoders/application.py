"""Any other network of `keras.applications` as an encoder."""

import sys

import keras
import numpy as np

from captioner.encoders.backbone import Backbone
from captioner.encoders.base import Encoder, grid_head, normalised
from captioner.encoders.pretrained import build_application
from captioner.errors import UserError
from captioner.images.decode import PREPROCESSING, ImageSpec, normalise


@keras.saving.register_keras_serializable("captioner")
class ApplicationEncoder(Encoder):
    """Any network of keras.applications, frozen, cut before its classifier: a grid of its last features.

    Args:
        application: the function's name, such as `EfficientNetB0`.
        weights: `imagenet`, `none`, or the path of a weights file.
        pool: 2 halves the grid by 2 x 2 maximum pooling, 1 leaves it.
        image_size: height and width.
        half_precision: compute in bfloat16 where the machine is faster at it.
        dropout: share of the normalised memory that is dropped in training.
        pca_components: principal components of the training images' features that a position keeps; 0: all.
    """

    def __init__(
        self,
        application,
        weights="imagenet",
        pool=1,
        image_size=224,
        half_precision=True,
        dropout=0.0,
        pca_components=0,
        **kwargs,
    ):
        self._config = {
            "application": application,
            "weights": weights,
            "pool": pool,
            "image_size": image_size,
            "half_precision": half_precision,
            "dropout": dropout,
            "pca_components": pca_components,
        }
        model = build_application(application, weights, False, image_size, half_precision)
        if len(model.output_shape) != 4 or min(model.output_shape[1:3]) < pool:
            raise UserError(
                f"{application} does not end in a grid that could be pooled by {pool} at {image_size} x "
                f"{image_size} pixels: its output is {model.output_shape[1:]}."
            )
        backbone = Backbone(application, model.input, model.output, model.layers[-1].name, pool)
        spec = ImageSpec(image_size, image_size, preprocessing_of(application))
        head = grid_head(backbone.shape, normalised(backbone.shape[-1], dropout, pca_components))
        super().__init__(spec, backbone, head, backbone.shape[:2], **kwargs)

    def get_config(self):
        return {**super().get_config(), **self._config}


def preprocessing_of(application: str) -> str:
    """What a network wants its pixels to be, found by asking its own `preprocess_input`.

    Raises:
        UserError: it is none of those that `captioner.images.decode` knows.
    """
    module = sys.modules[getattr(keras.applications, application).__module__]
    probe = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), np.uint8)
    wanted = np.asarray(module.preprocess_input(probe.astype(np.float32)))
    for name in PREPROCESSING:
        if np.allclose(normalise(probe, ImageSpec(4, 4, name)), wanted, atol=1e-3):
            return name
    raise UserError(f"{application} wants its pixels in a way that this encoder does not know.")
