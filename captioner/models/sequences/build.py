"""Settings to a network over sequences."""

from captioner.models.base.build import build_decoder
from captioner.models.sequences.inputs import FrameInputs, WordInputs
from captioner.models.sequences.labels import ManyToManyInStep, ManyToOne
from captioner.models.sequences.settings import SequenceSettings
from captioner.models.sequences.writers import EncoderDecoder, OneToMany


def build_inputs(settings: SequenceSettings, vocabulary_size: int):
    """The layer that turns words or frames into vectors."""
    reader = settings.reader
    if settings.task == "frames":
        return FrameInputs(reader.embedding_size, name="inputs")
    return WordInputs(vocabulary_size, reader.embedding_size, reader.word_dropout, name="inputs")


def build_sequence_network(settings: SequenceSettings, vocabulary_size: int):
    """The network of a task: `ManyToManyInStep`, `ManyToOne`, `EncoderDecoder` or `OneToMany`."""
    if settings.task == "describe":
        return OneToMany(build_decoder(settings.decoder, vocabulary_size), name="network")
    reader = settings.reader.model_dump(exclude={"embedding_size", "word_dropout"})
    options = {**reader, "inputs": build_inputs(settings, vocabulary_size), "name": "network"}
    if settings.task == "translate":
        return EncoderDecoder(build_decoder(settings.decoder, vocabulary_size), **options)
    shape = ManyToOne if settings.task == "classify" else ManyToManyInStep
    return shape(len(settings.labels), **options)
