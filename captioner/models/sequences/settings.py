"""The settings of a network over sequences: what its preset's `config.json` holds."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from captioner.settings import BeamSettings, DecoderSettings, Settings, Share, TextSettings

Task = Literal["tag", "classify", "translate", "frames", "describe"]


class ReaderSettings(Settings):
    """How a sequence is read."""

    cell: str = "lstm"
    units: PositiveInt = 64  # of each direction
    layers: PositiveInt = 1
    bidirectional: bool = False
    connection: Literal["none", "residual", "highway"] = "none"  # between layers
    cell_options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    embedding_size: PositiveInt = 32  # of a word's vector, or of what is seen in a frame
    dropout: Share = 0.0  # on what is read, between layers and before the labels
    word_dropout: Share = 0.0  # of words that training replaces by <unk>, so that unknown words do no harm


class SequenceSettings(Settings):
    """Everything that is needed to build a network over sequences again, except its words and weights."""

    kind: Literal["sequence"] = "sequence"
    task: Task
    labels: tuple[str, ...] = ()  # of tag, classify and frames, in the order of the network's outputs
    facts: tuple[str, ...] = ()  # of describe, in the order of its input's numbers
    frame_size: Annotated[int, Field(ge=8)] = 24  # of frames: pixels each way
    text: TextSettings = TextSettings(tokenizer="unicode")
    reader: ReaderSettings = ReaderSettings()
    decoder: DecoderSettings = DecoderSettings()  # of translate and describe
    search: BeamSettings = BeamSettings()
