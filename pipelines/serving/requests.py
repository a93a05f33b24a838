"""What clients send: checked shapes of requests, and images as bytes, never by address or path."""

import base64
import binascii
import json

import pydantic

from captioner.errors import UserError
from captioner.settings import GenerationConfig

_OPTIONS = tuple(GenerationConfig.model_fields)


class BadRequest(UserError):
    """A request that cannot be served; `status` is that of the answer."""

    def __init__(self, message: str, status: int = 422):
        super().__init__(message)
        self.status = status


class Request(pydantic.BaseModel):
    """What all requests share: unknown fields are refused, and numbers are not guessed from text."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    model: str | None = pydantic.Field(None, max_length=200)


class CaptionRequest(Request):
    """`POST /v1/captions`: images in base64 (or as files of a form), and the options of `captioner caption`."""

    images: list[str]
    options: dict[str, object] = {}
    attention: bool = False


class AnswerRequest(Request):
    """`POST /v1/answers`: one image, questions about it, and what to choose from."""

    image: str
    questions: list[str]
    choices: list[str] | None = None
    top: int = pydantic.Field(5, ge=1, le=100)
    attention: bool = False


def parsed(kind: type[pydantic.BaseModel], body: bytes):
    """A JSON body as a request.

    Raises:
        BadRequest: it is no JSON, or not of this shape.
    """
    return shaped(kind, parsed_json(body))


def parsed_json(body: bytes) -> object:
    """Raises `BadRequest` where the body is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is no JSON that can be read.", 400) from None


def shaped(kind: type[pydantic.BaseModel], content: object):
    """Raises `BadRequest` with the first thing that is wrong."""
    try:
        return kind.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:100] or "the body"
        raise BadRequest(f"{where}: {first['msg']}.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.", 400) from None


def caption_options(options: dict[str, object]) -> dict[str, object]:
    """Options of the generation of captions, lists as tuples.

    Raises:
        BadRequest: one is unknown.
    """
    for name in options:
        if name not in _OPTIONS:
            raise BadRequest(f"There is no option {name[:60]!r}. There are: {', '.join(_OPTIONS)}.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def decoded_image(text: str) -> bytes:
    """The bytes of an image in base64, or of a data URL of one.

    Raises:
        BadRequest: it is neither. Addresses and paths are neither.
    """
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise BadRequest("An image URL has to be data:image/...;base64,... with the image inside.")
    elif "://" in text[:30]:
        raise BadRequest("Addresses are not fetched: send the image itself, in base64 or as a data URL.")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("The image is no base64 that can be read.") from None
