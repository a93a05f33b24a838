"""What a recipe of kind "visual_qa" sets."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveInt

from captioner.metrics import ANSWER_METRICS
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
from pipelines.evaluation.metrics import check_selection
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class VisualQADataSettings(Settings):
    """Which questions are learned from."""

    dataset: str = Field("", description="see `captioner list question-datasets`; empty: found out from the folder")
    directory: str = Field("", description="used where the command line gives no --data")
    sizes: dict[str, PositiveInt] = Field({}, description="of drawn data: images of each split")
    vectors: str = Field("", description="text file of word vectors (GloVe, word2vec) that the embedding starts with")
    sets: Literal["whole", "members"] = Field(
        "whole", description='answers that are sets ("lamp, book"): one class, or each member by itself'
    )
    choices: bool = Field(True, description="whether questions that have choices are asked with them")
    development_share: float = Field(
        0.1, ge=0, le=0.5, description="of training images where there is no dev split; 0: the training loss selects"
    )


class VisualQATrainingSettings(LoopSettings):
    """How answering is learned."""

    images_per_batch: PositiveInt = Field(16, description="images of a batch")
    questions_per_image: PositiveInt = Field(
        8, description="questions of each; an image is encoded once for all of them"
    )
    targets: Literal["agreed", "soft"] = Field(
        "agreed", description="soft: all answers, each by how many people gave it"
    )
    label_smoothing: Share = Field(0.0, description="share of the target spread over all classes")
    select_by: Annotated[str, AfterValidator(partial(check_selection, registries=(ANSWER_METRICS,)))] = Field(
        "exact_match", description="score that chooses the best epoch: of any metric of answers"
    )
    evaluate_batch_size: PositiveInt = Field(128, description="questions answered at once")


class VisualQARecipe(AnyRecipe):
    """A network that answers questions: data, model and training."""

    train_options: ClassVar[tuple[str, ...]] = ("data", "cache", "encoder_weights")

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
