"""The settings of a recipe of kind "sequence"."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from captioner.models.sequences.settings import ReaderSettings, SequenceSettings, Task
from captioner.settings import BeamSettings, DecoderSettings, Settings, TextSettings
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class SequenceSizes(Settings):
    """Examples to make of each split."""

    train: PositiveInt = Field(4000, description="examples to learn from")
    dev: PositiveInt = Field(500, description="examples that choose the best epoch")
    test: PositiveInt = Field(1000, description="examples of the final score")


class SequenceDataSettings(Settings):
    """The examples: made by the program, or a table."""

    directory: str = Field("", description="a table, or a folder with one, used where the command line gives no --data")
    seed: int = Field(0, ge=0, description="of generated examples")
    sizes: SequenceSizes = Field(SequenceSizes(), description="of generated examples")


class SequenceTrainingSettings(LoopSettings):
    """How a network over sequences is learned."""

    batch_size: PositiveInt = Field(64, description="rows of a batch")
    evaluate_most: PositiveInt = Field(300, description="development sentences written after each epoch")
    baseline_epochs: int = Field(10, ge=0, description="of the network without recurrence; 0: it is not trained")


class SequenceRecipe(AnyRecipe):
    """A network over sequences: task, data, model and training."""

    train_options: ClassVar[tuple[str, ...]] = ("data",)

    kind: Literal["sequence"] = "sequence"
    task: Task = Field(description="what is predicted from a sequence")
    data: SequenceDataSettings = SequenceDataSettings()
    text: TextSettings = TextSettings(tokenizer="unicode", minimum_count=1)
    reader: ReaderSettings = ReaderSettings()
    decoder: DecoderSettings = DecoderSettings()
    search: BeamSettings = BeamSettings(num_beams=1)
    training: SequenceTrainingSettings = SequenceTrainingSettings()

    def model(self, **known) -> SequenceSettings:
        """The settings of the network, with what is `known` from the data: labels, facts or the size of frames."""
        same = {name: getattr(self, name) for name in ("task", "text", "reader", "decoder", "search")}
        return SequenceSettings(**same, **known)
