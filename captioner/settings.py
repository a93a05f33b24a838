"""The settings of a model: what a preset's `config.json` holds and what recipes may set.

They are frozen, typed, and refuse what they do not know. Layers take explicit arguments; settings live only where
files and flags are read (`captioner.models.build` turns them into layers).
"""

from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic import Field, PositiveInt

from captioner.errors import UserError, nearest

Share = Annotated[float, Field(ge=0, lt=1)]


class Settings(pydantic.BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class EncoderSettings(Settings):
    """How an image becomes memory `(P, D)`."""

    name: str = "vgg16"
    features: Literal["grid", "fc7"] = "grid"
    weights: Literal["imagenet", "none"] = "imagenet"
    pool: Literal[1, 2] = 2  # 14 x 14 places, or 7 x 7 after 2 x 2 maximum pooling
    train_last_block: bool = False
    image_size: PositiveInt = 224
    application: str = ""  # for `keras_application`: the function's name, such as EfficientNetB0
    channels: PositiveInt = 128  # for `vgg_small`: channels of its last block
    dropout: Share = 0.0  # on the memory, after it was normalised; for frozen networks
    half_precision: bool = True  # run the frozen trunk in bfloat16 where the processor is faster at it


class DecoderSettings(Settings):
    """How memory becomes words."""

    name: str = "attention"
    cell: str = "lstm"
    cell_options: dict[str, bool | int | float | str] = Field(default_factory=dict)  # such as {activation = "relu"}
    units: PositiveInt = 512
    layers: PositiveInt = 1  # cells on top of each other
    connection: Literal["none", "residual", "highway"] = "none"  # between layers
    embedding: Literal["learned", "one_hot"] = "learned"  # how a word enters; data.vectors begins learned ones
    embedding_size: PositiveInt = 512
    attention_size: PositiveInt = 512
    dropout: Share = 0.5  # on embedded words, between layers, and before the logits
    word_dropout: Share = 0.0  # of whole words, so that the picture has to tell what comes next
    tie_embeddings: bool = False  # the logits use the transposed word embedding
    query_word: bool = False  # attention knows the word just written, besides the state
    coverage: bool = False  # attention knows where it has looked in this caption
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)  # what only one decoder takes


class TextSettings(Settings):
    """How captions become word ids."""

    tokeniser: str = "ptb"
    minimum_count: PositiveInt = 5  # rarer words of the training split become <unk>
    maximum_size: PositiveInt | None = None
    max_length: PositiveInt = 24  # ids of a caption: start, words, end


class SearchSettings(Settings):
    """How captions are searched for."""

    beam_size: PositiveInt = 3
    length_penalty: float = 1.0  # a caption is ranked by log p / length ** length_penalty
    max_words: PositiveInt = 22


class CaptionerSettings(Settings):
    """Everything that is needed to build an image captioner again, except its words and weights."""

    kind: Literal["captioner"] = "captioner"
    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    text: TextSettings = TextSettings()
    search: SearchSettings = SearchSettings()


class LanguageTextSettings(Settings):
    """How text becomes symbols, which a language model calls words even where they are characters."""

    tokeniser: str = "characters"
    minimum_count: PositiveInt = 1  # rarer words of the training text become <unk>
    maximum_size: PositiveInt | None = None


class LanguageNetworkSettings(Settings):
    """How the words so far become scores of the next."""

    name: Literal["recurrent", "window"] = "recurrent"  # window: a feed-forward network over the last few words
    cell: str = "lstm"
    cell_options: dict[str, bool | int | float | str] = Field(default_factory=dict)  # such as {activation = "relu"}
    units: PositiveInt = 512
    layers: PositiveInt = 2
    connection: Literal["none", "residual", "highway"] = "none"  # between layers
    window: Annotated[int, Field(ge=2)] = 3  # words that `window` sees
    embedding: Literal["learned", "one_hot"] = "learned"
    embedding_size: PositiveInt = 128  # of a learned one
    dropout: Share = 0.0  # on embedded words, between layers, and before the scores
    tie_embeddings: bool = False  # the scores use the transposed embedding; embedding_size must be units


class LanguageModelSettings(Settings):
    """Everything that is needed to build a language model again, except its words and weights."""

    kind: Literal["language_model"] = "language_model"
    model: LanguageNetworkSettings = LanguageNetworkSettings()
    text: LanguageTextSettings = LanguageTextSettings()
    ends: bool = True  # whether texts that it learned from had an end, so that it knows when to stop


AnySettings = TypeVar("AnySettings", bound=Settings)


def validate(model: type[AnySettings], values: dict[str, Any], source: str) -> AnySettings:
    """Builds settings from plain values.

    Args:
        model: the settings class.
        values: nested dictionaries, as read from TOML or JSON.
        source: where the values came from, for the message.

    Raises:
        UserError: a key is unknown or a value does not fit; every fault is named, one a line.
    """
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        raise UserError(f"{source}: " + "\n".join(_explain(model, fault) for fault in error.errors())) from None


def _explain(model: type[Settings], fault: dict[str, Any]) -> str:
    path = [str(part) for part in fault["loc"]]
    name = ".".join(path)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        hint = nearest(path[-1], known) or f" Known here: {', '.join(known)}."
        return f"`{name}` is not a setting.{hint}"
    return f"`{name}` = {fault['input']!r} does not fit: {fault['msg'].lower()}."


def _fields_at(model: type[Settings], path: list[str]) -> list[str]:
    for part in path:
        model = model.model_fields[part].annotation  # type: ignore[assignment]
    return list(model.model_fields)
