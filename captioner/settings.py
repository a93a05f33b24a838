"""The settings of a model: what a preset's `config.json` holds and what recipes may set.

They are frozen, typed, and refuse what they do not know. Layers take explicit arguments; settings live only where
files and flags are read (the `build.py` of a model turns them into layers).
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
    channels: PositiveInt = 128  # for `vgg_small`: channels of its last block; for `glimpses`: units
    dropout: Share = 0.0  # on the memory, after it was normalised; for frozen networks
    # Of frozen networks: how many principal components of the training images' features tell a place; 0: all numbers.
    pca_components: Annotated[int, Field(ge=0)] = 0
    half_precision: bool = True  # run the frozen backbone in bfloat16 where the processor is faster at it
    frames: Annotated[int, Field(ge=0)] = 0  # of a clip that are looked at, evenly apart; 0: it sees single images
    frames_cell: str = "lstm"  # the cell that passes over the frames
    glimpses: Annotated[int, Field(ge=2)] = 6  # for `glimpses`: how many there are
    glimpse_size: PositiveInt = 12  # pixels each way of a patch of a glimpse
    glimpse_scales: PositiveInt = 3  # patches of a glimpse, each of twice the width of the one before
    glimpse_cell: str = "lstm"


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

    tokenizer: str = "ptb"
    minimum_count: PositiveInt = 5  # rarer words of the training split become <unk>
    maximum_size: PositiveInt | None = None
    max_length: PositiveInt = 24  # ids of a caption: start, words, end


class BeamSettings(Settings):
    """How a sentence is searched for."""

    num_beams: PositiveInt = 3
    length_penalty: float = 1.0  # a caption is ranked by log p / length ** length_penalty
    max_words: PositiveInt = 22


class SearchSettings(BeamSettings):
    """How captions are searched for, and what they keep to."""

    num_beam_groups: PositiveInt = 1  # that share the beams, and are to say different things; divides num_beams
    diversity_penalty: Annotated[float, Field(ge=0)] = 0.5  # what a word loses where an earlier group chose it
    min_words: PositiveInt = 1
    no_repeat_ngram_size: Annotated[int, Field(ge=0)] = 0  # so many words do not follow one another twice; 0: they may
    force_words: tuple[str, ...] = ()  # words, or phrases, that all occur in every caption
    bad_words: tuple[str, ...] = ()  # words, or phrases, that never occur


class CaptionerSettings(Settings):
    """Everything that is needed to build an image captioner again, except its words and weights."""

    kind: Literal["captioner"] = "captioner"
    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    text: TextSettings = TextSettings()
    search: SearchSettings = SearchSettings()


class LanguageTextSettings(Settings):
    """How text becomes symbols, which a language model calls words even where they are characters."""

    tokenizer: str = "characters"
    minimum_count: PositiveInt = 1  # rarer words of the training text become <unk>
    maximum_size: PositiveInt | None = None


class LanguageNetworkSettings(Settings):
    """How the words so far become scores of the next."""

    name: Literal["recurrent", "window"] = "recurrent"  # window: one hidden layer over the last few
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


class QuestionTextSettings(Settings):
    """How questions become word ids."""

    tokenizer: str = "unicode"
    minimum_count: PositiveInt = 1  # rarer words of the training questions become <unk>
    maximum_size: PositiveInt | None = None
    max_words: PositiveInt = 24  # longer questions are cut


class QuestionSettings(Settings):
    """How the words of a question become a vector."""

    name: str = "recurrent"
    cell: str = "lstm"
    cell_options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    units: PositiveInt = 256  # of each direction
    layers: PositiveInt = 1
    bidirectional: bool = False
    connection: Literal["none", "residual", "highway"] = "none"  # between layers
    embedding: Literal["learned", "one_hot"] = "learned"  # data.vectors begins learned ones
    embedding_size: PositiveInt = 128
    dropout: Share = 0.0  # on embedded words and between layers
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)  # what only one question encoder takes


class FusionSettings(Settings):
    """How a question and what is seen become one vector."""

    name: str = "stacked"
    size: PositiveInt = 256  # of the vector
    dropout: Share = 0.0  # on it, and on the question's vector
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)  # what only one fusion takes


class AnswerSettings(Settings):
    """How that vector becomes an answer: one of K classes, or words."""

    name: Literal["classes", "words"] = "classes"
    size: PositiveInt | None = None  # K, the most frequent answers of the training split; all by default
    minimum_count: PositiveInt = 1  # answers to fewer questions are no class
    hidden: tuple[PositiveInt, ...] = ()  # of classes: sizes of hidden layers
    activation: Literal["relu", "tanh"] = "relu"  # of these
    dropout: Share = 0.0  # before each layer
    decoder: DecoderSettings = DecoderSettings()  # of words
    search: BeamSettings = BeamSettings(length_penalty=1.0, max_words=6)  # of words


class VisualQASettings(Settings):
    """Everything that is needed to build a network that answers questions again, except words, answers and weights."""

    kind: Literal["visual_qa"] = "visual_qa"
    encoder: EncoderSettings = EncoderSettings()
    text: QuestionTextSettings = QuestionTextSettings()
    question: QuestionSettings = QuestionSettings()
    fusion: FusionSettings = FusionSettings()
    answer: AnswerSettings = AnswerSettings()
    # What the scores of classes were trained as. softmax: one answer is right, probabilities sum to 1; sigmoid: each is
    # right or not by itself.
    probabilities: Literal["softmax", "sigmoid"] = "softmax"


# Settings of recipes and presets that had another name, so that a message can say the new one.
RENAMED = {
    "beam_size": "num_beams",
    "groups": "num_beam_groups",
    "diversity": "diversity_penalty",
    "minimum_words": "min_words",
    "no_repeat_ngram": "no_repeat_ngram_size",
    "must": "force_words",
    "must_not": "bad_words",
    "tokeniser": "tokenizer",
    "components": "pca_components",
    "views": "augmentations",
    "evaluate_beam_size": "evaluate_num_beams",
}

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
    if fault["type"] == "extra_forbidden" and path[-1] in RENAMED:
        new = ".".join([*path[:-1], RENAMED[path[-1]]])
        return f"`{name}` was renamed: it is called `{new}` now."
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        hint = nearest(path[-1], known) or f" Known here: {', '.join(known)}."
        return f"`{name}` is not a setting.{hint}"
    return f"`{name}` = {fault['input']!r} does not fit: {fault['msg'].lower()}."


def _fields_at(model: type[Settings], path: list[str]) -> list[str]:
    for part in path:
        model = model.model_fields[part].annotation  # type: ignore[assignment]
    return list(model.model_fields)
