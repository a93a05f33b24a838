"""What every encoder is: a frozen backbone, a trained head, and what they promise to the rest of the house."""

import keras
from keras import ops

from captioner.dropout import Dropout
from captioner.encoders.backbone import Backbone
from captioner.errors import UserError
from captioner.images.decode import ImageSpec
from captioner.layers.components import PrincipalComponents


class Encoder(keras.layers.Layer):
    """Images to memory: `head(backbone(images))`.

    The backbone never changes, so its output may be computed once an image and kept on disk
    (`pipelines.data.features.extract`); training then starts at `encoder.head(features)`. An encoder that is trained
    whole has no backbone, and nothing of it may be kept.

    Args:
        spec: what images have to look like.
        backbone: the frozen network, or None.
        head: a Keras layer from the backbone's output (or from images) to memory `(B, P, D)`. It alone is
            tracked: counted, trained and saved.
        grid: `(h, w)`, the grid in which the P positions lie, or None.

    Call arguments:
        images: float32 `(B, H, W, 3)`, as `captioner.images.decode.load_image` makes them.

    Returns:
        memory `(B, P, D)`.
    """

    # Whether memory may hold positions that are padding: all zeros, for decoders to skip (`Decoder.padded`).
    padded = False
    # Whether the head samples what it sees while training, and learns that from a reward (`head.reinforce_loss`).
    stochastic = False

    def __init__(self, spec: ImageSpec, backbone: Backbone | None, head: keras.layers.Layer, grid=None, **kwargs):
        super().__init__(**kwargs)
        self.spec = spec
        self.backbone = backbone
        self.head = head
        self.grid = grid
        if not head.built:
            head.build((None, *self.backbone_shape))
        self.built = True
        self.memory_shape = tuple(head.compute_output_shape((None, *self.backbone_shape))[1:])

    @property
    def cacheable(self) -> bool:
        """Whether `encode_backbone` is worth keeping: it is the same for an image in every epoch."""
        return self.backbone is not None

    def share_backbone(self, other: "Encoder") -> None:
        """Takes the backbone of an encoder that has the same one; the memory of its own is freed."""
        self.backbone = other.backbone

    @property
    def backbone_shape(self) -> tuple[int, ...]:
        """The shape that `head` takes, without the batch: `(h, w, c)`, `(4096,)`, or that of the images."""
        return self.backbone.shape if self.backbone else self.spec.shape

    @property
    def components(self) -> PrincipalComponents | None:
        """The layer that has to be fitted to the features of the training images before anything is learned."""
        layers = getattr(self.head, "layers", ())
        return next((layer for layer in layers if isinstance(layer, PrincipalComponents)), None)

    @property
    def weights_fingerprint(self) -> list[list[float]]:
        """A few numbers that tell the backbone's weights from others: see `captioner.encoders.fingerprint`."""
        return self.backbone.fingerprint if self.backbone else []

    def identity(self) -> dict:
        """Everything that the backbone's output depends on besides the image: the key of a feature cache."""
        backbone = self.backbone.identity() if self.backbone else {}
        return {**backbone, "weights": self.weights_fingerprint, "image": self.spec.config()}

    def encode_backbone(self, images):
        """float16 `(B, *backbone_shape)` from images `(B, H, W, 3)`; the images themselves without a backbone."""
        return self.backbone(images) if self.backbone else images

    def call(self, images, training=None):
        return self.head(ops.stop_gradient(self.encode_backbone(images)), training=training)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.memory_shape)


def grid_head(shape: tuple[int, int, int], layers=()) -> keras.Sequential:
    """A head that ends by laying the positions of a grid in a row: `(B, h, w, c)` -> `(B, h * w, c)`."""
    head = keras.Sequential([keras.Input(shape), *layers], name="head")
    channels = head.output_shape[-1] if layers else shape[-1]
    head.add(keras.layers.Reshape((-1, channels), name="positions"))
    return head


def vector_head(shape: tuple[int], layers=()) -> keras.Sequential:
    """A head for one vector an image: `(B, c)` -> `(B, 1, c)`."""
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Reshape((1, -1), name="positions")], name="head")


def normalised(channels: int, dropout: float, pca_components: int = 0) -> list[keras.layers.Layer]:
    """Layers that bring what a public network says to a size that a decoder learns well from.

    VGG's activations lie between 0 and several hundred, which saturates the tanh of the decoder's first
    state. Layer normalisation (Ba, Kiros & Hinton 2016) over the channels of each position brought BLEU-4 on
    Flickr8k's development photographs after three epochs from 15.4 to 17.4.

    Args:
        channels: size of a position's features.
        dropout: share of the result that is dropped in training.
        pca_components: how many principal components a position keeps; 0: all its channels.

    Raises:
        UserError: there are more components than channels.
    """
    fewer = [PrincipalComponents(pca_components, name="components")] if pca_components else []
    if pca_components > channels:
        raise UserError(
            f"encoder.pca_components = {pca_components}, but a position has {channels} channels. Set "
            "fewer, or 0 to keep all channels."
        )
    return [
        *fewer,
        keras.layers.LayerNormalization(name="norm"),
        Dropout(dropout, name="memory_dropout"),
    ]
