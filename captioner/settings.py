"""The settings of a model: what a preset's `config.json` holds and what recipes may set.

They are frozen, typed, and refuse what they do not know. Layers take explicit arguments; settings live only where
files and flags are read (the `build.py` of a model turns them into layers).
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import pydantic
from pydantic import AfterValidator, Field, PositiveInt, model_validator

from captioner.errors import UserError, nearest

Share = Annotated[float, Field(ge=0, lt=1)]
# Upper bounds: a `config.json` may be somebody else's, and must not ask for more than there is on any machine.
Size = Annotated[int, Field(gt=0, le=8192)]  # of a vector
Layers = Annotated[int, Field(gt=0, le=32)]
Pixels = Annotated[int, Field(gt=0, le=1024)]  # each way
Length = Annotated[int, Field(gt=0, le=1000)]  # words of a sentence
Beams = Annotated[int, Field(gt=0, le=128)]
MOST_PIXELS = 32 * 224 * 224  # of all frames of a clip
MOST_REPEATED = 64
REPEATED = ("blocks", "glimpses", "heads", "hops", "scales", "widths")  # options that say how often something is built


def _check_options(options: dict[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        most = MOST_REPEATED if name in REPEATED else 8192
        if isinstance(value, int | float) and not abs(value) <= most:
            raise ValueError(f"`{name}` should be a number of at most {most:,}")
    return options


_Number = Annotated[float, Field(allow_inf_nan=True)]  # `_check_options` refuses them in one sentence, not in four
Options = Annotated[dict[str, bool | int | _Number | str], AfterValidator(_check_options)]
Connection = Literal["none", "residual", "highway"]


class Settings(pydantic.BaseModel):
    """Base of all settings: immutable; an unknown key is an error, and so is a number that is infinite or none."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", str_max_length=10_000, allow_inf_nan=False)


class EncoderSettings(Settings):
    """How an image becomes memory `(P, D)`."""

    name: str = Field(default="vgg16", description="see `captioner list encoders`")
    weights: Literal["imagenet", "none"] = Field(
        default="imagenet", description="of a frozen network; none: random ones"
    )
    image_size: Pixels = Field(default=224, description="height and width in pixels")
    pool: Literal[1, 2] = Field(default=2, description="2 x 2 maximum pooling of the grid; 1: none")
    dropout: Share = Field(default=0.0, description="on the normalised features of frozen networks")
    pca_components: int = Field(
        default=0, ge=0, le=8192, description="principal components a position of frozen networks keeps; 0: all"
    )
    half_precision: bool = Field(default=True, description="run a frozen network in bfloat16 where that is faster")
    frames: int = Field(default=0, ge=0, le=512, description="of a clip, evenly spaced; 0: single images")
    frames_cell: str = Field(default="lstm", description="the cell that runs over the frames")
    options: Options = Field(default={}, description="what only one encoder takes")

    @model_validator(mode="after")
    def _check_pixels(self) -> "EncoderSettings":
        if self.frames * self.image_size**2 > MOST_PIXELS:
            most = MOST_PIXELS // self.image_size**2
            raise ValueError(f"frames = {self.frames} of {self.image_size} pixels each way: at most {most} can be read")
        return self

    def __str__(self) -> str:
        frames = f"{self.frames} frames of " if self.frames else ""
        return f"{self.name} {frames}{self.image_size}x{self.image_size}"


class DecoderSettings(Settings):
    """How memory becomes words."""

    name: str = Field(default="attention", description="see `captioner list decoders`")
    cell: str = Field(default="lstm", description="see `captioner list cells`")
    cell_options: Options = Field(default={}, description='of the cell, such as {activation = "relu"}')
    units: Size = Field(default=512, description="size of the state")
    layers: Layers = Field(default=1, description="cells on top of each other")
    connection: Connection = Field(default="none", description="around the upper layers")
    embedding: Literal["learned", "one_hot"] = Field(default="learned", description="data.vectors starts learned ones")
    embedding_size: Size = Field(default=512, description="of a learned word vector")
    attention_size: Size = Field(default=512, description="A, of what keys and queries are projected to")
    dropout: Share = Field(default=0.5, description="on embedded words, between layers and before the logits")
    word_dropout: Share = Field(default=0.0, description="of whole words, so that the image has to tell the next word")
    tie_embeddings: bool = Field(default=False, description="the logits use the transposed word embedding")
    query_word: bool = Field(default=False, description="attention also reads the word just written")
    coverage: bool = Field(
        default=False, description="attention knows which positions it has attended to in this caption"
    )
    options: Options = Field(default={}, description="what only one decoder takes")

    def __str__(self) -> str:
        return f"{self.name} {cells_text(self)}"


class TextSettings(Settings):
    """How captions become word ids."""

    tokenizer: str = Field(default="ptb", description="see `captioner list tokenizers`")
    minimum_count: PositiveInt = Field(default=5, description="rarer words of the training split become <unk>")
    maximum_size: PositiveInt | None = Field(default=None, description="most words of the vocabulary; all by default")
    max_length: Length = Field(default=24, description="ids of a caption: start, words, end")


def cells_text(settings: Any) -> str:
    """The cells of any settings that have them, such as "bidirectional 2 x lstm 512"."""
    both = "bidirectional " if getattr(settings, "bidirectional", False) else ""
    layers = f"{settings.layers} x " if settings.layers > 1 else ""
    return f"{both}{layers}{settings.cell} {settings.units}"


class BeamSettings(Settings):
    """How a sentence is searched for."""

    num_beams: Beams = Field(default=3, description="K; 1 is greedy search")
    length_penalty: float = Field(default=1.0, description="captions are ranked by log p / length ** length_penalty")
    max_words: Length = Field(default=22, description="longest sentence")


class SearchSettings(BeamSettings):
    """How captions are searched for, and what they keep to."""

    num_beam_groups: Beams = Field(default=1, description="groups of beams that shall differ; divides num_beams")
    diversity_penalty: float = Field(default=0.5, ge=0, description="what a word loses where an earlier group chose it")
    min_words: Length = Field(default=1, description="shortest caption")
    no_repeat_ngram_size: int = Field(
        default=0, ge=0, le=100, description="n-grams of this many words occur once at most; 0: no limit"
    )
    force_words: tuple[str, ...] = Field(
        default=(), max_length=100, description="words or phrases that all occur in every caption"
    )
    bad_words: tuple[str, ...] = Field(default=(), max_length=1000, description="words or phrases that never occur")


class SamplingSettings(Settings):
    """How words are sampled."""

    temperature: float = Field(
        default=1.0,
        ge=0,
        description="below 1 likely words become likelier; 0 takes the likeliest",
    )
    top_k: int = Field(default=0, ge=0, description="sample from so many of the likeliest words only; 0: all")
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="sample from the fewest words whose probabilities sum to it only; 1: all"
    )
    seed: int = Field(default=0, description="the same seed samples the same words")


class GenerationConfig(SearchSettings, SamplingSettings):
    """How captions are generated, where that differs from a preset's own search.

    What is not set is as the preset has it; `captioner.models.captioning.search_constraints.generation_config` puts the
    two together.
    """

    candidates: PositiveInt = Field(default=1, description="captions an image; of a search at most num_beams")
    do_sample: bool = Field(default=False, description="sample captions in place of searching for the best ones")

    if not TYPE_CHECKING:  # type checkers have the fields

        def __init__(self, **values: Any):
            """People make this one themselves, so that what is wrong is a sentence and not pydantic's list.

            Raises:
                UserError: see `validate`.
            """
            try:
                super().__init__(**values)
            except pydantic.ValidationError as error:
                raise UserError(_explanation(type(self), error)) from None


class CaptionerSettings(Settings):
    """Everything that is needed to build an image captioner again, except its words and weights."""

    kind: Literal["captioner"] = "captioner"
    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    text: TextSettings = TextSettings()
    search: SearchSettings = SearchSettings()
    min_score: float | None = Field(
        default=None, description="captions below it are unsure: mean log-probability a word"
    )


class LanguageTextSettings(Settings):
    """How text becomes symbols, which a language model calls words even where they are characters."""

    tokenizer: str = Field(default="characters", description="see `captioner list tokenizers`")
    minimum_count: PositiveInt = Field(default=1, description="rarer words of the training text become <unk>")
    maximum_size: PositiveInt | None = Field(default=None, description="most words of the vocabulary; all by default")


class LanguageNetworkSettings(Settings):
    """How the words so far become scores of the next."""

    name: Literal["recurrent", "window"] = Field(
        default="recurrent", description="window: a hidden layer over the last words"
    )
    cell: str = Field(default="lstm", description="see `captioner list cells`")
    cell_options: Options = Field(default={}, description='of the cell, such as {activation = "relu"}')
    units: Size = Field(default=512, description="size of the state")
    layers: Layers = Field(default=2, description="cells on top of each other")
    connection: Connection = Field(default="none", description="around the upper layers")
    window: int = Field(default=3, ge=2, le=256, description="words that `window` reads")
    embedding: Literal["learned", "one_hot"] = Field(default="learned", description="data.vectors starts learned ones")
    embedding_size: Size = Field(default=128, description="of a learned word vector")
    dropout: Share = Field(default=0.0, description="on embedded words, between layers and before the scores")
    tie_embeddings: bool = Field(
        default=False, description="the scores use the transposed embedding (embedding_size = units)"
    )

    def __str__(self) -> str:
        return f"window of {self.window}, {self.units}" if self.name == "window" else cells_text(self)


class LanguageModelSettings(Settings):
    """Everything that is needed to build a language model again, except its words and weights."""

    kind: Literal["language_model"] = "language_model"
    model: LanguageNetworkSettings = LanguageNetworkSettings()
    text: LanguageTextSettings = LanguageTextSettings()
    ends: bool = Field(default=True, description="whether the training texts had an end, so that it knows when to stop")


class QuestionTextSettings(Settings):
    """How questions become word ids."""

    tokenizer: str = Field(default="unicode", description="see `captioner list tokenizers`")
    minimum_count: PositiveInt = Field(default=1, description="rarer words of the training questions become <unk>")
    maximum_size: PositiveInt | None = Field(default=None, description="most words of the vocabulary; all by default")
    max_words: Length = Field(default=24, description="longer questions are cut")


class QuestionSettings(Settings):
    """How the words of a question become a vector."""

    name: str = Field(default="recurrent", description="see `captioner list question-encoders`")
    cell: str = Field(default="lstm", description="see `captioner list cells`")
    cell_options: Options = Field(default={}, description='of the cell, such as {activation = "relu"}')
    units: Size = Field(default=256, description="size of the state of each direction")
    layers: Layers = Field(default=1, description="cells on top of each other")
    bidirectional: bool = Field(default=False, description="read the question in both directions")
    connection: Connection = Field(default="none", description="around the upper layers")
    embedding: Literal["learned", "one_hot"] = Field(default="learned", description="data.vectors starts learned ones")
    embedding_size: Size = Field(default=128, description="of a learned word vector")
    dropout: Share = Field(default=0.0, description="on embedded words and between layers")
    options: Options = Field(default={}, description="what only one question encoder takes")

    def __str__(self) -> str:
        return f"{self.name} {cells_text(self)}"


class FusionSettings(Settings):
    """How a question and what is seen become one vector."""

    name: str = Field(default="stacked", description="see `captioner list fusions`")
    size: Size = Field(default=256, description="of the fused vector")
    dropout: Share = Field(default=0.0, description="on it, and on the question's vector")
    options: Options = Field(default={}, description="what only one fusion takes")

    def __str__(self) -> str:
        return f"{self.name} {self.size}"


class AnswerSettings(Settings):
    """How that vector becomes an answer: one of K classes, or words."""

    name: Literal["classes", "words"] = Field(
        default="classes", description="classes: a frequent answer; words: a sentence"
    )
    size: PositiveInt | None = Field(default=None, description="K, the most frequent training answers; all by default")
    minimum_count: PositiveInt = Field(default=1, description="answers to fewer questions are no class")
    hidden: tuple[Size, ...] = Field(default=(), max_length=32, description="of classes: sizes of hidden layers")
    activation: Literal["relu", "tanh"] = Field(default="relu", description="of these hidden layers")
    dropout: Share = Field(default=0.0, description="before each layer")
    decoder: DecoderSettings = Field(default=DecoderSettings(), description="of words")
    search: BeamSettings = Field(default=BeamSettings(length_penalty=1.0, max_words=6), description="of words")


class VisualQASettings(Settings):
    """Everything that is needed to build a network that answers questions again, except words, answers and weights."""

    kind: Literal["visual_qa"] = "visual_qa"
    encoder: EncoderSettings = EncoderSettings()
    text: QuestionTextSettings = QuestionTextSettings()
    question: QuestionSettings = QuestionSettings()
    fusion: FusionSettings = FusionSettings()
    answer: AnswerSettings = AnswerSettings()
    probabilities: Literal["softmax", "sigmoid"] = Field(
        default="softmax", description="softmax: one class is right; sigmoid: any number of them"
    )
    temperature: float = Field(
        default=1.0, gt=0, description="divides the classes' scores: above 1 probabilities are modest"
    )


# Settings of recipes and presets that had another name, so that a message can say the new one.
RENAMED = {
    "training.own_words": "training.scheduled_sampling.probability",
    "training.own_words_schedule": "training.scheduled_sampling.schedule",
    "training.own_words_epochs": "training.scheduled_sampling.epochs",
    "training.own_words_by": "training.scheduled_sampling.mode",
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
    "look": "network",
    "evaluate_beam_size": "evaluate_num_beams",
    "encoder.features": "encoder.options.features",
    "encoder.train_last_block": "encoder.options.train_last_block",
    "encoder.application": "encoder.options.application",
    "encoder.channels": "encoder.options.channels",
    "encoder.glimpses": "encoder.options.glimpses",
    "encoder.glimpse_size": "encoder.options.size",
    "encoder.glimpse_scales": "encoder.options.scales",
    "encoder.glimpse_cell": "encoder.options.cell",
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
    if problem := unreadable(values):
        raise UserError(f"{source}: {problem}")
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        raise UserError(f"{source}: {_explanation(model, error)}") from None


def _explanation(model: type[Settings], error: pydantic.ValidationError) -> str:
    faults = error.errors()
    lines = [_explain(model, fault) for fault in faults[:_MOST_FAULTS]]
    more = [f"... and {len(faults) - _MOST_FAULTS:,} more"] if len(faults) > _MOST_FAULTS else []
    return "\n".join(lines + more)


_MOST_FAULTS, _DEEPEST, _LARGEST = 20, 20, 2**63


def unreadable(values: Any) -> str:
    """What is wrong with values of a foreign file that not even a message could hold; "" if nothing is."""
    left = [(values, 0)]
    while left:
        value, depth = left.pop()
        if depth > _DEEPEST:
            return f"it holds values that are nested more than {_DEEPEST} deep."
        if isinstance(value, int) and abs(value) >= _LARGEST:
            return "it holds a whole number of more than 64 bits."
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        left += [(part, depth + 1) for part in parts]
    return ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _explain(model: type[Settings], fault: dict[str, Any]) -> str:
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, UserError) and not fault["loc"]:
        return str(cause)  # of a class that explains its faults itself
    path = [str(part)[:100] for part in fault["loc"]]
    name = ".".join(path)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        new = RENAMED.get(name)
        if new is None and RENAMED.get(path[-1], "").partition(".")[0] in known:
            new = ".".join([*path[:-1], RENAMED[path[-1]]])
        if new:
            return f"`{name}` was renamed: it is called `{new}` now."
        hint = nearest(path[-1], known) or f" Known here: {', '.join(known)}."
        return f"`{name}` is not a setting.{hint}"
    given = fault["input"]
    if fault["type"] in ("tuple_type", "list_type") and isinstance(given, str):
        return f"`{name}` = {_shown(given)} does not fit: a list is expected, [{_shown(given)}]."
    return f"`{name}` = {_shown(given)} does not fit: {_reason(fault['msg'])}."


def _reason(message: str) -> str:
    message = message.removeprefix("Value error, ").rstrip(".?")
    return message[0].lower() + message[1:]


def _fields_at(model: type[Settings], path: list[str]) -> list[str]:
    for part in path:
        model = model.model_fields[part].annotation  # type: ignore[assignment]
    return list(model.model_fields)
