"""What a recipe of kind "captioner" sets."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

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
from pipelines.recipes.recipe import AnyRecipe, LoopSettings, Positive


class DataSettings(Settings):
    """Which captions are learned from."""

    dataset: str = ""  # a layout of `captioner list datasets`; empty: found out from the folder
    directory: str = ""  # used where the command line gives no --data
    sizes: dict[str, PositiveInt] = Field(default_factory=dict)  # for data that is drawn: images of each split
    vectors: str = ""  # a text file of word vectors (GloVe, word2vec) that the decoder's words begin with


class TrainingSettings(LoopSettings):
    """How a captioner is learned."""

    objective: Literal["cross_entropy", "self_critical"] = "cross_entropy"
    images_per_batch: PositiveInt = 32
    captions_per_image: PositiveInt = 5  # rows of a batch = images x captions; each image is looked at once
    samples_per_image: PositiveInt = 5  # self-critical: captions drawn of each image, in place of those given
    reward: dict[str, float] = Field(default_factory=lambda: {"cider_d": 1.0})  # self-critical: metric -> weight
    baseline: Literal["greedy", "samples"] = "greedy"  # self-critical: the greedy caption, or the other drawn ones
    temperature: Positive = 1.0  # self-critical: below 1 likely words are drawn more often, and learned as drawn
    learn_with_dropout: bool = False  # self-critical: from captions that were drawn without
    label_smoothing: Share = 0.1
    own_words: Annotated[float, Field(ge=0, le=1)] = 0.0  # scheduled sampling: share of words read that are its own
    own_words_schedule: Literal["linear", "exponential", "inverse_sigmoid"] = "linear"  # from 0 up to that share
    own_words_epochs: Positive | None = None  # over which it grows; all epochs by default
    own_words_by: Literal["chance", "likeliest"] = "chance"  # drawn from the decoder's distribution, or the likeliest
    attention_penalty: Annotated[float, Field(ge=0)] = 0.0
    augmentations: tuple[
        Literal["flip", "crops"], ...
    ] = ()  # an epoch shows each image plainly, or in one of these views
    select_by: Literal["bleu_4", "cider_d", "rouge_l", "faithfulness", "direction_right"] = "bleu_4"
    evaluate_num_beams: PositiveInt = 1  # beams of the captions that choose the best epoch
    evaluate_batch_size: PositiveInt = 32


class Recipe(AnyRecipe):
    """A captioner: data, model and training."""

    kind: Literal["captioner"] = "captioner"
    data: DataSettings = DataSettings()
    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    text: TextSettings = TextSettings()
    search: SearchSettings = SearchSettings()
    training: TrainingSettings = TrainingSettings()

    @property
    def source(self) -> DataSource:
        data = self.data
        return DataSource(self.name, data.directory, data.dataset, data.sizes)

    @property
    def model(self) -> CaptionerSettings:
        return CaptionerSettings(encoder=self.encoder, decoder=self.decoder, text=self.text, search=self.search)
