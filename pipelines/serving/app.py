"""The HTTP service: routes, limits, the token, and what is said where something is wrong."""

import asyncio
import base64
import hmac
import logging
import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from captioner import __version__
from captioner.errors import UserError
from pipelines.serving import ollama, openai
from pipelines.serving.batching import Overloaded
from pipelines.serving.docs import docs_page
from pipelines.serving.entries import answer_entries, caption_entries
from pipelines.serving.page.blocks import Page
from pipelines.serving.requests import (
    AnswerRequest,
    BadRequest,
    CaptionRequest,
    caption_options,
    decoded_image,
    parsed,
    parsed_json,
    shaped,
)
from pipelines.serving.service import Service

_OPEN = ("/healthz",)  # what needs no token: a load balancer has none
_TOKEN_NEEDED = "A token is needed: Authorization: Bearer TOKEN. Browsers ask for it as a password, with any name."
_RETRY = "1"  # seconds after which a client may come again
_log = logging.getLogger("captioner.serving")


def create_app(service: Service, token: str | None = None, page: Page | None = None) -> FastAPI:
    """The application, to be run by any ASGI server.

    Args:
        service: the models, loaded.
        token: what clients send as `Authorization: Bearer TOKEN`, and browsers as a password; None: nothing is asked
            for.
        page: what is at `/`, if anything.
    """
    app = FastAPI(
        title="captioner",
        version=__version__,
        description="Captions of images, and answers to questions about them. Images are sent; none is fetched.",
        docs_url=None,  # whose pages load from elsewhere
        redoc_url=None,
        lifespan=page and page.lifespan,
    )
    handler = _Handler(service, token)
    app.middleware("http")(handler.watch)
    for method, path, function in (
        ("POST", "/v1/captions", handler.captions),
        ("POST", "/v1/answers", handler.answers),
        ("GET", "/v1/models", handler.models),
        ("POST", "/v1/chat/completions", handler.chat),
        ("POST", "/api/generate", handler.generate),
        ("GET", "/api/tags", handler.tags),
        ("GET", "/api/version", handler.version),
        ("GET", "/healthz", handler.health),
        ("GET", "/metrics", handler.metrics),
    ):
        app.add_api_route(path, function, methods=[method], response_model=None, summary=function.__doc__)
    app.add_api_route("/docs", lambda: HTMLResponse(docs_page(app.openapi())), include_in_schema=False)
    if page is not None:
        app.mount("/", page.app, name="page")
    return app


class _Handler:
    """The routes; each is a method that takes the request and gives the response."""

    def __init__(self, service: Service, token: str | None):
        self.service, self.token, self.limits = service, token, service.limits
        self.held = 0  # bytes of the bodies of all requests that are being served

    async def watch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Checks the token, counts, and turns errors into sentences; no name and no image is logged."""
        begun, route = time.monotonic(), "other"
        try:
            if not self._allowed(request):
                response = _error(_TOKEN_NEEDED, 401, {"WWW-Authenticate": 'Basic realm="captioner", charset="UTF-8"'})
            else:
                response = await call_next(request)
                route = getattr(request.scope.get("route"), "path", "other")
        except (BadRequest, UserError) as error:
            response = _error(str(error), getattr(error, "status", 422))
        except Exception:  # no client gets a traceback
            _log.exception("A request failed")
            response = _error("The service failed at this request.", 500)
        self.service.metrics.add_request(route, response.status_code, time.monotonic() - begun)
        return response

    def _allowed(self, request: Request) -> bool:
        if self.token is None or request.url.path in _OPEN:
            return True
        given = dict(request.headers.raw).get(b"authorization", b"")
        return hmac.compare_digest(_token_of(given), self.token.encode())

    async def captions(self, request: Request) -> Response:
        """Captions of one image or several: JSON with base64, or a form with files called `images`."""
        return await self._guarded(self._captions, request)

    async def answers(self, request: Request) -> Response:
        """Answers to questions about an image, with probabilities."""
        return await self._guarded(self._answers, request)

    async def chat(self, request: Request) -> Response:
        """Captions and answers in the form of OpenAI's chat completions, with images as data URLs."""
        return await self._guarded(self._chat, request)

    async def generate(self, request: Request) -> Response:
        """Captions and answers in Ollama's form."""
        return await self._guarded(self._generate, request)

    async def models(self) -> dict:
        """The models that are loaded."""
        data = [
            {"id": model.name, "object": "model", "created": 0, "owned_by": "captioner", "kind": model.kind}
            for model in self.service.models.values()
        ]
        return {"object": "list", "data": data}

    async def tags(self) -> dict:
        """The models that are loaded, in Ollama's form."""
        return ollama.tags(self.service)

    async def version(self) -> dict:
        """The version, in Ollama's form."""
        return {"version": __version__}

    async def health(self) -> dict:
        """Whether the service runs."""
        return {"status": "ok"}

    async def metrics(self) -> PlainTextResponse:
        """Requests, errors, queue, batches and latencies, for Prometheus."""
        return PlainTextResponse(self.service.metrics.text(self.service.queued))

    async def _guarded(self, serve: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        request.state.held = 0
        try:
            return await asyncio.wait_for(serve(request), self.limits.seconds)
        except BadRequest as error:
            return _error(str(error), error.status)
        except Overloaded:
            return _error("Too many requests wait. Come again in a moment.", 503, {"Retry-After": _RETRY})
        except TimeoutError:
            return _error(f"The request took more than {self.limits.seconds:g} seconds.", 503, {"Retry-After": _RETRY})
        except UserError as error:
            return _error(str(error), 422)
        except ClientDisconnect:
            return _error("The client has gone.", 499)
        finally:
            self.held -= request.state.held

    async def _captions(self, request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            asked, files = await self._form(request)
        else:
            asked = parsed(CaptionRequest, await self._body(request))
            files = [_or_error(decoded_image, image) for image in asked.images]
        self._check_count(len(files), self.limits.images, "images")
        model = self.service.named(asked.model, "captioner")
        captions = await caption_entries(
            model, files, caption_options(asked.options), request.is_disconnected, asked.attention
        )
        if len(captions) == 1 and "error" in captions[0]:
            raise BadRequest(str(captions[0]["error"]))
        captioned = [each for each in captions if "error" not in each]
        if asked.attention and captioned and "attention" not in captioned[0]:
            raise BadRequest(f"{model.name} has no attention that could be shown. Leave out `attention`.")
        return JSONResponse({"model": model.name, "captions": captions})

    async def _answers(self, request: Request) -> Response:
        asked = parsed(AnswerRequest, await self._body(request))
        self._check_count(len(asked.questions), self.limits.questions, "questions")
        model = self.service.named(asked.model, "visual_qa")
        answers = await answer_entries(
            model, decoded_image(asked.image), asked.questions, request.is_disconnected,
            choices=asked.choices, top=asked.top, attention=asked.attention,
        )  # fmt: skip
        return JSONResponse({"model": model.name, "answers": answers})

    async def _chat(self, request: Request) -> Response:
        return await openai.chat(self.service, request, parsed_json(await self._body(request)))

    async def _generate(self, request: Request) -> Response:
        return await ollama.generate(self.service, request, parsed_json(await self._body(request)))

    def _check_count(self, count: int, most: int, things: str) -> None:
        if not 1 <= count <= most:
            raise BadRequest(f"A request has 1 to {most} {things}; received {count}.")

    async def _body(self, request: Request) -> bytes:
        """The body, as far as the limit allows."""
        self._check_length(request)
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self.limits.body:
                raise BadRequest(f"The body is larger than {self.limits.body:,} bytes.", 413)
            self.held += len(part)
            request.state.held += len(part)
            if self.held > self.limits.bodies:
                raise Overloaded
            parts.append(part)
        return b"".join(parts)

    def _check_length(self, request: Request) -> None:
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self.limits.body:
            raise BadRequest(f"The body is larger than {self.limits.body:,} bytes.", 413)

    async def _form(self, request: Request) -> tuple[CaptionRequest, list[bytes]]:
        """The fields `model`, `options` and `attention` (JSON) of a form, and its files called `images` or `image`."""
        body = await self._body(request)

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            form = await Request(request.scope, receive).form(
                max_files=self.limits.images + 1, max_fields=4, max_part_size=self.limits.body
            )
        except (MultiPartException, ValueError, KeyError) as error:
            raise BadRequest(f"The form cannot be read: {getattr(error, 'message', error)}", 400) from None
        except Exception as error:  # starlette turns some of its errors into responses
            raise BadRequest(f"The form cannot be read: {getattr(error, 'detail', 'damaged')}", 400) from None
        try:
            parts = (*form.getlist("images"), *form.getlist("image"))
            files = [await part.read() for part in parts if not isinstance(part, str)]
            fields = {name: value for name, value in form.items() if name in ("model", "options", "attention")}
        finally:
            await form.close()  # temporary files of large parts go with it
        for name in ("options", "attention"):
            if isinstance(text := fields.get(name), str):
                fields[name] = parsed_json(text.encode())
        return shaped(CaptionRequest, {**fields, "images": []}), files


def _token_of(authorization: bytes) -> bytes:
    """The token of `Bearer TOKEN`, or the password of `Basic`, which is what browsers ask people for."""
    if authorization[:6].lower() != b"basic ":
        return authorization.removeprefix(b"Bearer ")
    try:
        return base64.b64decode(authorization[6:].strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _or_error(decode: Callable[[str], bytes], text: str) -> bytes | str:
    try:
        return decode(text)
    except BadRequest as error:
        return str(error)


def _error(message: str, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "code": status}}, status, headers)
