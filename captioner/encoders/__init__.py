"""Images `(B, H, W, 3)` -> memory `(B, P, D)`: what a decoder looks at.

    images ──▶ backbone (frozen; may be kept on disk) ──▶ head (trained, saved in the preset) ──▶ memory

A new encoder is one class derived from `captioner.encoders.base:Encoder` and one line here.
"""

from pathlib import Path

from captioner.errors import UserError
from captioner.options import build_part
from captioner.registry import Registry
from captioner.settings import EncoderSettings

ENCODERS = Registry(
    "encoder",
    {
        "vgg16": "captioner.encoders.vgg:VGG16Encoder",
        "vgg19": "captioner.encoders.vgg:VGG19Encoder",
        "vgg_small": "captioner.encoders.vgg_small:SmallVGGEncoder",
        "efficientnet_lite2": "captioner.encoders.efficientnet_lite:EfficientNetLite2Encoder",
        "keras_application": "captioner.encoders.application:ApplicationEncoder",
        "glimpses": "captioner.encoders.glimpses:GlimpseEncoder",
    },
)


def has_grid(settings: EncoderSettings) -> bool:
    """Whether the positions of an encoder lie in a grid, over which attention can be drawn; known without Keras."""
    return not settings.frames and settings.name != "glimpses" and settings.options.get("features") != "fc7"


def build_encoder(settings: EncoderSettings, weights_path: str | Path | None = None):
    """The encoder that `settings` describe; with `settings.frames` it sees clips of so many frames.

    Args:
        settings: what a recipe or a preset says.
        weights_path: a file with the backbone's weights, instead of a download; it wins over `settings.weights`.

    Raises:
        UserError: the name is unknown, the weights cannot be had, or the settings do not go together.
    """
    from captioner.encoders.base import Encoder  # loads Keras

    weights = str(weights_path) if weights_path else settings.weights
    common = {**settings.model_dump(exclude={"name", "options", "frames", "frames_cell"}), "weights": weights}
    what, encoder_class = f"encoder {settings.name}", ENCODERS.get(settings.name)
    encoder = build_part(what, encoder_class, Encoder, common, settings.options)
    if settings.pca_components and (settings.frames or encoder.components is None):
        raise UserError(
            f"encoder.pca_components = {settings.pca_components} is for frozen networks that see single images; "
            f"{'clips are seen here' if settings.frames else f'`{settings.name}` is trained'}. Set it to 0."
        )
    if not settings.frames:
        return encoder
    if encoder.stochastic:
        raise UserError(
            f"The encoder {settings.name} chooses where to look in a single image; clips are not for it. Set "
            "encoder.frames to 0, or take another encoder."
        )
    from captioner.encoders.frames import FrameEncoder

    return FrameEncoder(encoder, settings.frames, settings.frames_cell)
