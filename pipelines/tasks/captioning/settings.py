"""What a recipe of kind "captioner" sets."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveInt

from captioner.models.captioning.search_constraints import generation_config
from captioner.settings import (
    CaptionerSettings,
    DecoderSettings,
    EncoderSettings,
    SearchSettings,
    Settings,
    Share,
    TextSettings,
)
from pipelines.data.open import DataSource
from pipelines.evaluation.metrics import CAPTION_REGISTRIES, check_selection
from pipelines.recipes.recipe import AnyRecipe, LoopSettings, Positive


class DataSettings(Settings):
    """Which captions are learned from."""

    dataset: str = Field("", description="a layout of `captioner list datasets`; empty: found out from the folder")
    directory: str = Field("", description="used where the command line gives no --data")
    sizes: dict[str, PositiveInt] = Field({}, description="of drawn data: images of each split")
    vectors: str = Field("", description="text file of word vectors (GloVe, word2vec) that the embedding starts with")


class ScheduledSamplingSettings(Settings):
    """How many of the words that the decoder reads in training it samples itself (Bengio et al. 2015)."""

    probability: float = Field(0.0, ge=0, le=1, description="of an input word to be sampled, in the end; 0: never")
    schedule: Literal["linear", "exponential", "inverse_sigmoid"] = Field("linear", description="from 0 up to that")
    epochs: Positive | None = Field(None, description="over which the probability grows; all by default")
    mode: Literal["sample", "greedy"] = Field("sample", description="greedy: the likeliest word in place of a sample")


class TrainingSettings(LoopSettings):
    """How a captioner is learned."""

    objective: Literal["cross_entropy", "self_critical"] = Field(
        "cross_entropy", description="self_critical: REINFORCE with the captions that the model writes"
    )
    images_per_batch: PositiveInt = Field(32, description="images of a batch")
    captions_per_image: PositiveInt = Field(5, description="captions of each; an image is encoded once for all of them")
    samples_per_image: PositiveInt = Field(5, description="self-critical: captions sampled of each image")
    reward: dict[str, float] = Field({"cider_d": 1.0}, description="self-critical: metric -> weight")
    baseline: Literal["greedy", "samples"] = Field(
        "greedy", description="self-critical: reward of the greedy caption, or of the other samples"
    )
    temperature: Positive = Field(1.0, description="self-critical: below 1 likely words are sampled more often")
    learn_with_dropout: bool = Field(False, description="self-critical: from captions sampled without")
    label_smoothing: Share = Field(0.1, description="share of the target spread over all words")
    scheduled_sampling: ScheduledSamplingSettings = ScheduledSamplingSettings()
    attention_penalty: float = Field(0.0, ge=0, description="weight of doubly stochastic attention (Xu et al. 2015)")
    augmentations: tuple[Literal["flip", "crops"], ...] = Field((), description="which an epoch may show images in")
    select_by: Annotated[str, AfterValidator(partial(check_selection, registries=CAPTION_REGISTRIES))] = Field(
        "bleu_4", description="score that chooses the best epoch: of any metric of captions"
    )
    evaluate_num_beams: PositiveInt = Field(1, description="beams of the captions that choose the best epoch")
    evaluate_batch_size: PositiveInt = Field(32, description="images decoded at once")


def _without_contradiction(search: SearchSettings) -> SearchSettings:
    """Refuses a search that would only fail at the captions after the first epoch."""
    generation_config(search)
    return search


class Recipe(AnyRecipe):
    """A captioner: data, model and training."""

    train_options: ClassVar[tuple[str, ...]] = ("data", "cache", "init_from", "init_from_language", "encoder_weights")

    kind: Literal["captioner"] = "captioner"
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    text: TextSettings = TextSettings()
    search: Annotated[SearchSettings, AfterValidator(_without_contradiction)] = SearchSettings()
    training: TrainingSettings = TrainingSettings()

    @property
    def source(self) -> DataSource:
        data = self.data
        return DataSource(self.name, data.directory, data.dataset, data.sizes)

    @property
    def model(self) -> CaptionerSettings:
        return CaptionerSettings(encoder=self.encoder, decoder=self.decoder, text=self.text, search=self.search)
