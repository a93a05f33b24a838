"""Settings to layers: the one place where names of parts are resolved."""

import inspect
from pathlib import Path

from captioner.cells import CELLS
from captioner.decoders import DECODERS
from captioner.encoders import build_encoder
from captioner.settings import CaptionerSettings, DecoderSettings


def build_captioner_parts(settings: CaptionerSettings, vocabulary_size: int, encoder_weights: str | Path | None = None):
    """`(encoder, decoder)` as the settings say."""
    encoder = build_encoder(settings.encoder, weights_path=encoder_weights)
    return encoder, build_decoder(settings.decoder, vocabulary_size)


def build_decoder(settings: DecoderSettings, vocabulary_size: int):
    """The decoder called `settings.name`, with those settings that its constructor takes."""
    decoder_class = DECODERS.get(settings.name)
    cell = CELLS.get(settings.cell)(settings.units, name="cell")
    given = {**settings.model_dump(exclude={"name", "units"}), "vocabulary_size": vocabulary_size, "cell": cell}
    taken = set()
    for owner in decoder_class.__mro__:
        if "__init__" in vars(owner):
            taken |= set(inspect.signature(owner.__init__).parameters)
    return decoder_class(**{name: value for name, value in given.items() if name in taken}, name="decoder")
