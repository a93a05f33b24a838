"""Settings to a decoder, for all models that write."""

from captioner.cells.build import build_cell
from captioner.decoders import DECODERS
from captioner.decoders.base import Decoder
from captioner.errors import UserError
from captioner.options import build_part, constructor_arguments
from captioner.settings import DecoderSettings


def build_decoder(settings: DecoderSettings, vocabulary_size: int, padded: bool = False):
    """The decoder called `settings.name`, with those settings that its constructor takes.

    Args:
        padded: whether image features may hold positions that are padding, see `Decoder`.

    Raises:
        UserError: there is no such decoder or cell, `settings.options` holds one that this decoder does not have, or
            settings contradict each other.
    """
    decoder_class = DECODERS.get(settings.name)
    if settings.tie_embeddings and settings.embedding != "learned":
        raise UserError("decoder.tie_embeddings needs decoder.embedding = learned: one-hot words share no table.")
    cell = build_cell(
        settings.cell,
        settings.units,
        layers=settings.layers,
        dropout=settings.dropout,
        connection=settings.connection,
        options=settings.cell_options,
    )
    common = {**settings.model_dump(exclude={"name", "units", "cell", "options"}), "vocabulary_size": vocabulary_size}
    common["padded"] = padded
    what = f"decoder {settings.name}"
    return build_part(what, decoder_class, Decoder, common, settings.options, cell=cell, name="decoder")


def unused_settings(settings: DecoderSettings) -> list[str]:
    """Settings that were chosen and that this decoder does not have, such as attention_size without attention."""
    of_the_cell = {"name", "options", "cell", "cell_options", "units", "layers", "connection"}
    used = constructor_arguments(DECODERS.get(settings.name), Decoder).keys() | of_the_cell
    plain = DecoderSettings()
    return [
        name
        for name in DecoderSettings.model_fields
        if name in settings.model_fields_set - used and getattr(settings, name) != getattr(plain, name)
    ]
