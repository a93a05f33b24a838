"""EfficientNet-Lite2 as an encoder, with its weights from ImageNet inside the package: it works without a network."""

from pathlib import Path

import h5py
import keras
import numpy as np

from captioner.encoders.backbone import Backbone, precision
from captioner.encoders.base import Encoder, grid_head, normalised
from captioner.encoders.pretrained import fill_weights
from captioner.images.decode import ImageSpec

NETWORK = "EfficientNetLite2"
# Kernels in half precision; `README.md` beside the file has origin, licence and checksum.
WEIGHTS = Path(__file__).with_name("weights") / "efficientnet_lite2_notop.weights.h5"

STEM, HEAD = 32, 1280
EPSILON = 1e-3  # of batch normalisation
# Kernel, stride of the first block, expansion, channels, number of blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
)


@keras.saving.register_keras_serializable("captioner")
class EfficientNetLite2Encoder(Encoder):
    """EfficientNet-Lite2, frozen: a grid of 1280 numbers at a 32nd of the size; its weights come with the package.

    Inverted residuals (Sandler et al. 2018) in the widths and depths of EfficientNet-B2 (Tan & Le 2019,
    https://arxiv.org/abs/1905.11946), without squeeze-and-excitation and with ReLU6.

    Args:
        weights: `imagenet`, `none` (random, the same every time), or the path of a weights file like the package's:
            convolutions without biases, batch normalisation after each.
        pool: 2 halves the grid by 2 x 2 maximum pooling, 1 leaves it.
        image_size: height and width; it was trained at 260.
        dropout: share of the normalised memory that is dropped in training.
        pca_components: principal components of the training images' features that a position keeps; 0: all.

    Example:
        >>> encoder = EfficientNetLite2Encoder(image_size=64)
        >>> encoder.memory_shape
        (4, 1280)
    """

    def __init__(
        self,
        weights="imagenet",
        pool=1,
        image_size=260,
        dropout=0.0,
        pca_components=0,
        **kwargs,
    ):
        self._config = {
            "weights": weights,
            "pool": pool,
            "image_size": image_size,
            "dropout": dropout,
            "pca_components": pca_components,
        }
        # Depthwise convolutions gain nothing from bfloat16: 52 images a second of 320 x 320 where float32 has 60.
        with precision(half=False):
            model = efficientnet_lite2(image_size)
        fill_weights(model, NETWORK, str(WEIGHTS) if weights == "imagenet" else weights, fill_folded)
        backbone = Backbone(NETWORK, model.input, model.output, "features", pool)
        head = grid_head(backbone.shape, normalised(backbone.shape[-1], dropout, pca_components))
        super().__init__(ImageSpec(image_size, image_size, "raw"), backbone, head, backbone.shape[:2], **kwargs)

    def get_config(self):
        return {**super().get_config(), **self._config}


def efficientnet_lite2(size: int) -> keras.Model:
    """RGB `(B, size, size, 3)`, 0 to 255 -> `(B, h, w, 1280)`, h = w = size / 32, rounded up. Kernels are 0 until
    they are filled: drawing them takes a quarter of a second.

    Each batch normalisation is folded into the convolution before it: of a network that never learns it is a factor and
    a bias a channel, and half as many layers are built and loaded in half the time.
    """
    inputs = keras.Input((size, size, 3))
    outputs = keras.layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(inputs)
    outputs = _convolution(outputs, STEM, 3, 2, "stem_conv")
    number, channels = 0, STEM
    for kernel, stride, expansion, width, count in STAGES:
        for index in range(count):
            first = stride if index == 0 else 1
            outputs = _block(outputs, f"b{number}", (kernel, first), expansion * channels, width)
            number, channels = number + 1, width
    outputs = _convolution(outputs, HEAD, 1, 1, "head_conv")
    return keras.Model(inputs, outputs, name="efficientnet_lite2")


def _block(inputs, name: str, kernel_and_stride: tuple[int, int], hidden: int, channels: int):
    """An inverted residual: wide inside, narrow between blocks, where nothing is cut off by a ReLU."""
    outputs = inputs
    if hidden != inputs.shape[-1]:
        outputs = _convolution(outputs, hidden, 1, 1, f"{name}_expand")
    kernel, stride = kernel_and_stride
    outputs = keras.layers.DepthwiseConv2D(
        kernel, stride, padding="same", activation="relu6", depthwise_initializer="zeros", name=f"{name}_dw"
    )(outputs)
    outputs = keras.layers.Conv2D(channels, 1, kernel_initializer="zeros", name=f"{name}_project")(outputs)
    return keras.layers.Add()([inputs, outputs]) if stride == 1 and channels == inputs.shape[-1] else outputs


def _convolution(inputs, filters: int, kernel: int, stride: int, name: str):
    return keras.layers.Conv2D(
        filters, kernel, stride, padding="same", activation="relu6", kernel_initializer="zeros", name=name
    )(inputs)


def fill_folded(model, path: str) -> None:
    """Fills convolutions from a file that has batch normalisation (Ioffe & Szegedy 2015, section 3.1) beside kernels k.

    With gamma, beta and the moving mean and variance of each channel: `k * f` and the biases `beta - mean * f`, where
    `f = gamma / sqrt(variance + epsilon)`.
    """
    with h5py.File(path) as file:
        arrays = {
            group["vars"].attrs["name"]: [np.asarray(group[f"vars/{n}"], np.float32) for n in range(len(group["vars"]))]
            for group in file["layers"].values()
            if len(group["vars"])
        }
    for layer in model.layers:
        if layer.weights:
            (kernel,) = arrays[layer.name]
            gamma, beta, mean, variance = arrays[layer.name.removesuffix("_conv") + "_bn"]
            factor = gamma / np.sqrt(variance + EPSILON)
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            layer.set_weights([kernel * (factor[:, None] if depthwise else factor), beta - mean * factor])
