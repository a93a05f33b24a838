"""What a recipe of kind "visual_qa" sets."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from captioner.settings import (
    AnswerSettings,
    EncoderSettings,
    FusionSettings,
    QuestionSettings,
    QuestionTextSettings,
    Settings,
    Share,
    VisualQASettings,
)
from pipelines.data.open import DataSource
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class VisualQADataSettings(Settings):
    """Which questions are learned from."""

    dataset: str = ""  # a layout of `captioner list question-datasets`; empty: found out from the folder
    directory: str = ""  # used where the command line gives no --data
    sizes: dict[str, PositiveInt] = Field(default_factory=dict)  # for data that is drawn: images of each split
    vectors: str = ""  # a text file of word vectors (GloVe, word2vec) that the question's words begin with
    # Answers that are sets, "lamp, book": learned whole, as one answer of the list, or each member by itself.
    sets: Literal["whole", "members"] = "whole"
    # Where there is no development split, this share of the training images, with all that is asked about them. 0: all
    # is learned from, and the epoch with the lowest training loss counts as the best.
    development_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1


class VisualQATrainingSettings(LoopSettings):
    """How answering is learned."""

    images_per_batch: PositiveInt = 16
    questions_per_image: PositiveInt = 8  # rows of a batch = images x questions; each image is looked at once
    targets: Literal["agreed", "soft"] = "agreed"  # soft: all answers that people gave, each by how many gave it
    label_smoothing: Share = 0.0
    select_by: Literal["exact_match", "vqa_accuracy"] = "exact_match"
    evaluate_batch_size: PositiveInt = 128


class VisualQARecipe(AnyRecipe):
    """A network that answers questions: data, model and training."""

    kind: Literal["visual_qa"] = "visual_qa"
    data: VisualQADataSettings = VisualQADataSettings()
    encoder: EncoderSettings = EncoderSettings()
    text: QuestionTextSettings = QuestionTextSettings()
    question: QuestionSettings = QuestionSettings()
    fusion: FusionSettings = FusionSettings()
    answer: AnswerSettings = AnswerSettings()
    training: VisualQATrainingSettings = VisualQATrainingSettings()

    @property
    def source(self) -> DataSource:
        data = self.data
        return DataSource(self.name, data.directory, data.dataset, data.sizes)

    @property
    def model(self) -> VisualQASettings:
        parts = ("encoder", "text", "question", "fusion", "answer")
        probabilities = "sigmoid" if self.training.targets == "soft" else "softmax"  # as its loss has them
        return VisualQASettings(**{name: getattr(self, name) for name in parts}, probabilities=probabilities)
