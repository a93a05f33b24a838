"""What a recipe of kind `language` may set."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from captioner.settings import LanguageNetworkSettings, LanguageTextSettings, Settings
from pipelines.recipes.recipe import AnyRecipe, LoopSettings


class LanguageDataSettings(Settings):
    """Which text is learned from."""

    source: Literal["text", "captions"] = "text"  # text files, or the captions of a data set
    directory: str = ""  # used where the command line gives no --data; empty: what comes with the program
    documents: Literal["file", "line"] = "file"  # what is read from its beginning to its end: whole files or lines
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of the text that is not learned from
    max_characters: PositiveInt | None = None  # of a larger folder or file only as much is used
    vectors: str = ""  # a file of word vectors (GloVe, word2vec) to begin the embedding with


class LanguageTrainingSettings(LoopSettings):
    """How a language model is learned."""

    rows: PositiveInt = 50  # streams that are read side by side; without `carry_state`, documents a batch
    chunk: Annotated[int, Field(ge=2)] = 64  # words read at once: gradients go back no further (truncated BPTT)
    carry_state: bool = True  # a chunk begins with the state that the one before ended with
    gradient_penalty: Annotated[float, Field(ge=0)] = 0.0  # of Pascanu et al. 2013: gradients keep their length
    sample_length: Annotated[int, Field(ge=0)] = 200  # words of the sample that is shown after each epoch


class LanguageRecipe(AnyRecipe):
    """A language model: data, model and training."""

    kind: Literal["language"] = "language"
    data: LanguageDataSettings = LanguageDataSettings()
    model: LanguageNetworkSettings = LanguageNetworkSettings()
    text: LanguageTextSettings = LanguageTextSettings()
    training: LanguageTrainingSettings = LanguageTrainingSettings()
