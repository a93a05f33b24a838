"""The form of OpenAI's chat completions, with images as data URLs; addresses are not fetched."""

import json
import secrets
import time

import pydantic
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipelines.serving.ollama import describe
from pipelines.serving.requests import BadRequest, decoded_image, shaped
from pipelines.serving.service import Service


class ChatRequest(pydantic.BaseModel):
    """What is used of it; programs send much more."""

    model_config = pydantic.ConfigDict(extra="ignore", strict=True)
    model: str = pydantic.Field("", max_length=200)
    messages: list[dict[str, object]]
    stream: bool = False


async def chat(service: Service, request: Request, content: object) -> Response:
    """The answer of `POST /v1/chat/completions`: about the last image and the last text that a user sent."""
    asked = shaped(ChatRequest, content)
    prompt, image = _last(asked.messages)
    if image is None:
        raise BadRequest("There is no image: send one as image_url with a data URL.")
    name, text = await describe(service, request, asked.model, prompt, decoded_image(image))
    answer = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": asked.model or name}
    if not asked.stream:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 0, "completion_tokens": len(text.split()), "total_tokens": len(text.split())}
        return JSONResponse({**answer, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas = [({"role": "assistant", "content": text}, None), ({}, "stop")]
    chunks = [
        {
            **answer,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }
        for delta, reason in deltas
    ]
    events = [*map(json.dumps, chunks), "[DONE]"]
    return Response("".join(f"data: {event}\n\n" for event in events), media_type="text/event-stream")


def _last(messages: list[dict[str, object]]) -> tuple[str, str | None]:
    """The last text and the last image that a user sent."""
    prompt, image = "", None
    for message in messages:
        content = message.get("content")
        if message.get("role") != "user":
            continue
        if isinstance(content, str):
            prompt = content
            continue
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                raise BadRequest("A part of a message is an object with a type.")
            if part.get("type") == "text" and isinstance(part.get("text"), str):
                prompt = part["text"]
            elif part.get("type") == "image_url":
                url = part.get("image_url")
                image = url.get("url") if isinstance(url, dict) else url
                if not isinstance(image, str):
                    raise BadRequest("An image_url has a url that is text.")
    return prompt, image
