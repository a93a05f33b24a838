"""The form of Ollama's API, which photo software speaks: `{"model", "prompt", "images": [base64], "stream"}`.

A prompt that ends in a question mark is a question, if a model here answers questions; all else asks for a caption.
"""

import datetime
import json

import pydantic
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipelines.serving.entries import answer_entries, caption_entries
from pipelines.serving.requests import BadRequest, decoded_image, shaped
from pipelines.serving.service import Service


class GenerateRequest(pydantic.BaseModel):
    """What is used of it; programs send much more."""

    model_config = pydantic.ConfigDict(extra="ignore", strict=True)
    model: str = pydantic.Field("", max_length=200)
    prompt: str = ""
    images: list[str] | None = None
    stream: bool = True


async def generate(service: Service, request: Request, content: object) -> Response:
    """The answer of `POST /api/generate`: one object, or a line with the text and a line that ends."""
    asked = shaped(GenerateRequest, content)
    begun = {"model": asked.model, "created_at": _now()}
    if not asked.images:
        if asked.prompt:
            raise BadRequest("A prompt needs an image: send one in `images`, in base64.")
        return JSONResponse({**begun, "response": "", "done": True, "done_reason": "load"})  # so programs load a model
    if len(asked.images) > 1:
        raise BadRequest("One image a request is described; send the others in requests of their own.")
    name, text = await describe(service, request, asked.model, asked.prompt, decoded_image(asked.images[0]))
    begun["model"] = asked.model or name
    end = {"done": True, "done_reason": "stop"}
    if not asked.stream:
        return JSONResponse({**begun, "response": text, **end})
    lines = [{**begun, "response": text, "done": False}, {**begun, "response": "", **end}]
    return Response("".join(f"{json.dumps(line)}\n" for line in lines), media_type="application/x-ndjson")


async def describe(service: Service, request: Request, model: str, prompt: str, image: bytes) -> tuple[str, str]:
    """`(name of the model, text)`: the answer to a question, or a caption.

    Raises:
        BadRequest: the image cannot be read.
        UserError: there is no such model.
    """
    kinds = {each.kind for each in service.models.values()}
    named = service.models.get(model.removesuffix(":latest"))
    question = prompt.strip()
    if question.endswith("?") and "visual_qa" in kinds:
        # Programs have one model for all that they send; of a captioner's neighbours one answers.
        served = service.named(model if named is None or named.kind == "visual_qa" else None, "visual_qa")
        (answered,) = await answer_entries(served, image, [question], request.is_disconnected, top=1)
        return served.name, answered["answers"][0]["answer"]
    served = service.named(model or None, "captioner")
    (caption,) = await caption_entries(served, [image], {}, request.is_disconnected)
    if "error" in caption:
        raise BadRequest(caption["error"])
    return served.name, caption["caption"]


def tags(service: Service) -> dict:
    """The answer of `GET /api/tags`."""
    models = [
        {
            "name": f"{model.name}:latest",
            "model": f"{model.name}:latest",
            "modified_at": "1970-01-01T00:00:00Z",
            "size": 0,
            "digest": model.source.identity,
            "details": {"format": "keras", "family": model.kind, "parameter_size": "", "quantization_level": ""},
        }
        for model in service.models.values()
    ]
    return {"models": models}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
