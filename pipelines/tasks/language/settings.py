"""The settings of a recipe of kind `language`."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from captioner.settings import LanguageNetworkSettings, LanguageTextSettings, Settings
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class LanguageDataSettings(Settings):
    """The text to learn from."""

    source: Literal["text", "captions"] = Field("text", description="text files, or the captions of a data set")
    directory: str = Field("", description="used without --data; empty: the text that comes with the program")
    documents: Literal["file", "line"] = Field("file", description="what is read from start to end")
    validation: float = Field(0.1, gt=0, lt=1, description="share of the text that is held out")
    max_characters: PositiveInt | None = Field(None, description="of a larger folder or file only this much is used")
    vectors: str = Field("", description="text file of word vectors (GloVe, word2vec) that the embedding starts with")


class LanguageTrainingSettings(LoopSettings):
    """How a language model is learned."""

    rows: PositiveInt = Field(50, description="streams read side by side; without `carry_state`, documents a batch")
    chunk: int = Field(64, ge=2, description="words read at once: gradients go back no further (truncated BPTT)")
    carry_state: bool = Field(True, description="a chunk starts with the last state of the chunk before")
    gradient_penalty: float = Field(0.0, ge=0, description="weight of the regulariser of Pascanu et al. 2013")
    sample_length: int = Field(200, ge=0, description="words of the sample shown after each epoch")


class LanguageRecipe(AnyRecipe):
    """A language model: data, model and training."""

    train_options: ClassVar[tuple[str, ...]] = ("data",)

    kind: Literal["language"] = "language"
    data: LanguageDataSettings = LanguageDataSettings()
    model: LanguageNetworkSettings = LanguageNetworkSettings()
    text: LanguageTextSettings = LanguageTextSettings()
    training: LanguageTrainingSettings = LanguageTrainingSettings()
