"""The settings of a network over sequences, as its preset's `config.json` holds them."""

from typing import Literal

from pydantic import Field

from captioner.settings import (
    BeamSettings,
    Connection,
    DecoderSettings,
    Layers,
    Options,
    Settings,
    Share,
    Size,
    TextSettings,
)

Task = Literal["tag", "classify", "translate", "frames", "describe"]


class ReaderSettings(Settings):
    """How a sequence is read."""

    cell: str = Field(default="lstm", description="see `captioner list cells`")
    units: Size = Field(default=64, description="size of the state of each direction")
    layers: Layers = Field(default=1, description="cells on top of each other")
    bidirectional: bool = Field(default=False, description="read the sequence in both directions")
    connection: Connection = Field(default="none", description="around the upper layers")
    cell_options: Options = Field(default={}, description='of the cell, such as {activation = "relu"}')
    embedding_size: Size = Field(default=32, description="of a word's or a frame's vector")
    dropout: Share = Field(default=0.0, description="on inputs, between layers and before the labels")
    word_dropout: Share = Field(default=0.0, description="share of training words that become <unk>")


class SequenceSettings(Settings):
    """Everything that is needed to build a network over sequences again, except its words and weights."""

    kind: Literal["sequence"] = "sequence"
    task: Task = Field(description="what is predicted from a sequence")
    labels: tuple[str, ...] = Field(default=(), description="of tag, classify and frames, as the network's outputs")
    facts: tuple[str, ...] = Field(default=(), description="of describe, in the order of its input's numbers")
    frame_size: int = Field(default=24, ge=8, le=512, description="of frames: pixels each way")
    text: TextSettings = TextSettings(tokenizer="unicode")
    reader: ReaderSettings = ReaderSettings()
    decoder: DecoderSettings = Field(default=DecoderSettings(), description="of translate and describe")
    search: BeamSettings = BeamSettings()
