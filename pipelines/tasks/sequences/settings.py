"""What a recipe of kind "sequence" sets."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from captioner.models.sequences.settings import ReaderSettings, SequenceSettings, Task
from captioner.settings import BeamSettings, DecoderSettings, Settings, TextSettings
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class SequenceSizes(Settings):
    """Examples to make of each split."""

    train: PositiveInt = 4000
    dev: PositiveInt = 500
    test: PositiveInt = 1000


class SequenceDataSettings(Settings):
    """What is learned from: examples made by the program, or a table."""

    directory: str = ""  # a table, or a folder with one, used where the command line gives no --data
    seed: Annotated[int, Field(ge=0)] = 0  # of the examples that are made
    sizes: SequenceSizes = SequenceSizes()


class SequenceTrainingSettings(LoopSettings):
    """How a network over sequences is learned."""

    batch_size: PositiveInt = 64
    evaluate_most: PositiveInt = 300  # development sentences that are written after each epoch, where any are
    baseline_epochs: Annotated[int, Field(ge=0)] = 10  # of the network without recurrence; 0: it is not trained


class SequenceRecipe(AnyRecipe):
    """A network over sequences: task, data, model and training."""

    kind: Literal["sequence"] = "sequence"
    task: Task
    data: SequenceDataSettings = SequenceDataSettings()
    text: TextSettings = TextSettings(tokenizer="unicode", minimum_count=1)
    reader: ReaderSettings = ReaderSettings()
    decoder: DecoderSettings = DecoderSettings()
    search: BeamSettings = BeamSettings(num_beams=1)
    training: SequenceTrainingSettings = SequenceTrainingSettings()

    def model(self, **found) -> SequenceSettings:
        """The settings of the network, with what was `found` in the data: labels, facts or the size of frames."""
        same = {name: getattr(self, name) for name in ("task", "text", "reader", "decoder", "search")}
        return SequenceSettings(**same, **found)
