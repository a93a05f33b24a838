"""In front of gradio: the few addresses that the page needs, bodies within limits, and no address or path in them.

Gradio answers much more: `/proxy=` and `/file=` fetch addresses, an event whose data has a `path` or a `url` reads the
one and fetches the other, and mounted in another application it checks neither. What is not listed here is not there.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import unquote, urlsplit

import pydantic
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.serving.page.uploads import Uploads
from pipelines.serving.requests import BadRequest, parsed_json, shaped

_API = "/gradio_api"
_FILE = f"{_API}/file="
_READ = {
    "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/pwa_icon",
    f"{_API}/startup-events", f"{_API}/queue/data", f"{_API}/upload_progress",
}  # fmt: skip
_READ_BELOW = ("/assets/", "/static/", "/svelte/")  # files of the package gradio
_JOIN, _UPLOAD = f"{_API}/queue/join", f"{_API}/upload"
_EVENT_BYTES = 1_000_000  # of an event: texts, numbers and the names of files

# The browser itself refuses what would go to another host, whatever gradio's scripts try.
_HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
        b"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}
_log = logging.getLogger("captioner.serving")


class _Join(pydantic.BaseModel):
    """What an event of the page consists of; all else that gradio would take is left out."""

    model_config = pydantic.ConfigDict(extra="ignore", strict=True)
    fn_index: int = pydantic.Field(ge=0)
    session_hash: str = pydantic.Field(min_length=1, max_length=64)
    data: list[object] = pydantic.Field(max_length=64)
    event_data: object = None
    trigger_id: int | None = None


class PageGate:
    """An ASGI application around gradio's.

    Args:
        page: gradio's application.
        uploads: the only files that are read or given out.
        events: of the page; events have numbers below it.
        most: bytes of one upload.
    """

    def __init__(self, page: ASGIApp, uploads: Uploads, events: int, most: int):
        self.page, self.uploads, self.events, self.most = page, uploads, events, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("The page speaks HTTP only.")
        try:
            scope, receive = await self._admitted(scope, receive)
        except BadRequest as error:
            await _refusal(str(error), error.status)(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self.most)
        try:
            await self.page(scope, exchange.receive, exchange.send)
        except Exception as error:  # its text may name a file that somebody sent
            if not exchange.too_large:
                _log.warning("A request of the page failed: %s", type(error).__name__)
        if exchange.too_large:
            message = f"The files are larger than {self.most:,} bytes together."
            await _refusal(message, 413)(scope, receive, exchange.send_anyway)
        elif not exchange.begun:
            await _refusal("The service failed at this request.", 500)(scope, receive, send)

    async def _admitted(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """The request as gradio may see it.

        Raises:
            BadRequest: it may not.
        """
        method, path, headers = scope["method"], scope["path"], Headers(scope=scope)
        if method in ("GET", "HEAD"):
            if path.startswith(_FILE) and self.uploads.find(path.removeprefix(_FILE)) is not None:
                return scope, receive
            if path in _READ or (path.startswith(_READ_BELOW) and ".." not in path.split("/")):
                keep_query = path.startswith(_API)  # that of the page names a state that is read from a file
                return {**scope, "query_string": scope["query_string"] if keep_query else b""}, receive
        if method == "POST" and path in (_JOIN, _UPLOAD):
            _check_origin(headers)
            if path == _JOIN:
                body = self._checked_event(await _body(receive))
                return _with_length(scope, len(body)), _replay(body, receive)
            length = headers.get("content-length", "0")
            if length.isdecimal() and int(length[:20]) > self.most:
                raise BadRequest(f"The files are larger than {self.most:,} bytes together.", 413)
            if self.uploads.full:
                raise BadRequest("Too many pictures were sent in the last minutes. Come again in a moment.", 503)
            return scope, receive
        raise BadRequest("There is nothing at this address. /docs lists what there is.", 404)

    def _checked_event(self, body: bytes) -> bytes:
        """An event that names no files but those that were sent here."""
        event = shaped(_Join, parsed_json(body))
        if event.fn_index >= self.events:
            raise BadRequest("The page has no such event. Load it again.")
        self._check_files([event.data, event.event_data])
        return json.dumps(event.model_dump()).encode()

    def _check_files(self, content: object) -> None:
        waiting = [content]
        while waiting:
            each = waiting.pop()
            if isinstance(each, list):
                waiting += each
            elif isinstance(each, dict):
                waiting += each.values()
                if each.get("path") is not None and self.uploads.find(each["path"]) is None:
                    raise BadRequest("A file of this event was not sent here, or was deleted. Choose it again.")
                if each.get("url") is not None and not self._is_own(each["url"]):
                    raise BadRequest("Addresses are not fetched: send the picture itself.")

    def _is_own(self, url: object) -> bool:
        """Whether an address is one by which the page itself shows an upload."""
        if not isinstance(url, str):
            return False
        try:
            path = urlsplit(url).path
        except ValueError:
            return False
        return path.startswith(_FILE) and self.uploads.find(unquote(path.removeprefix(_FILE))) is not None


class _Exchange:
    """One request: counts what comes, adds headers to what goes, and holds back the answer to what is too large."""

    def __init__(self, receive: Receive, send: Send, most: int):
        self._receive, self._send, self._left = receive, send, most
        self.begun = self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.too_large = True
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if not self.too_large:
            await self.send_anyway(message)

    async def send_anyway(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS.items()]}
        await self._send(message)


def _check_origin(headers: Headers) -> None:
    """Refuses what another site's page sends through somebody's browser, which knows the token by itself."""
    origin, own = headers.get("origin"), (headers.get("host"), headers.get("x-forwarded-host"))
    if origin is not None and origin.partition("://")[2] not in own:
        raise BadRequest("Pages of other sites may not use this one.", 403)


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The client has gone.", 499)
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        size += len(parts[-1])
        if size > _EVENT_BYTES:
            raise BadRequest(f"An event of the page has at most {_EVENT_BYTES:,} bytes.", 413)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives a body first."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _with_length(scope: Scope, length: int) -> Scope:
    others = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")
    ]
    return {**scope, "headers": [*others, (b"content-length", str(length).encode())]}


def _refusal(message: str, status: int) -> Response:
    retry = {"Retry-After": "30"} if status == 503 else None
    return JSONResponse({"error": {"message": message, "code": status}}, status, retry)
