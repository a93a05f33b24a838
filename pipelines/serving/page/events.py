"""What the events of the page do: from what people choose to what they see, through the service, within its limits.

Values come as gradio's client sends them, unchecked: the checks are those of the service.
"""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from html import escape
from pathlib import Path

import anyio.to_thread
from PIL import Image

from captioner.errors import UserError
from captioner.images.decode import ImageError
from pipelines.evaluation.reports.figures import data_uri, small_picture
from pipelines.serving.batching import Overloaded
from pipelines.serving.entries import answer_entries, caption_entries
from pipelines.serving.page.html import (
    Bar,
    Row,
    attention_html,
    bars_html,
    candidate_bars,
    caption_html,
    csv_link,
    hint_html,
    maps_of,
    table_html,
)
from pipelines.serving.page.uploads import Uploads
from pipelines.serving.requests import BadRequest, caption_options
from pipelines.serving.service import ServedModel, Service

_LONGEST, _SMALL = 560, 96  # pixels of the picture below the caption, and in the table
_SEARCH = ("num_beams", "num_beam_groups", "diversity_penalty", "length_penalty", "force_words")
_SAMPLING = ("temperature", "top_k", "top_p", "seed")
CONTROLS = (
    "candidates",
    "min_words",
    "max_words",
    "no_repeat_ngram_size",
    "bad_words",
    *_SEARCH,
    "do_sample",
    *_SAMPLING,
)
"""The options of the page, in the order in which its events have their values."""

BEFORE_CAPTION = "Choose a picture: its caption appears here."
BEFORE_ANSWER = "Choose a picture and ask about it."
_log = logging.getLogger("captioner.serving")


def _explained(event: Callable) -> Callable:
    """An event whose errors are sentences that people see."""

    @functools.wraps(event)
    async def explained(self, *values):
        try:
            return await event(self, *values)
        except Exception as error:
            raise self.shown(error) from None

    return explained


class PageEvents:
    """The events, as methods that take values of components and give those of others.

    Args:
        service: the models.
        uploads: where gradio keeps what browsers send.
        examples: files of example pictures.
    """

    def __init__(self, service: Service, uploads: Uploads, examples: Sequence[Path] = ()):
        self.service, self.uploads, self.examples = service, uploads, examples

    @_explained
    async def caption(self, picture: object, model: object, *values: object) -> tuple[str, str, str]:
        """A caption, its candidates, and where the model looked for it."""
        if picture is None:
            return hint_html(BEFORE_CAPTION), "", ""
        served, options = self._model(model, "captioner"), _options(values)
        file = await self._file(picture)
        (entry,) = await self._in_time(caption_entries(served, [file], options, _never, served.source.keras))
        if "error" in entry:
            raise BadRequest(f"The picture cannot be used: {entry['error']}.")
        attention = ""
        if maps := maps_of(entry.get("words", ()), entry.get("attention", ())):
            shown = await self._picture(file, _LONGEST)
            attention = await anyio.to_thread.run_sync(attention_html, shown, maps, "Where it looked before each word")
        return caption_html(entry["caption"], entry.get("unsure", False)), candidate_bars(entry), attention

    @_explained
    async def answer(
        self, picture: object, model: object, question: object, choices: object, attention: object
    ) -> tuple[str, str]:
        """Answers to a question, and where the model looked for the first."""
        if picture is None or not str(question or "").strip():
            return hint_html(BEFORE_ANSWER), ""
        served = self._model(model, "visual_qa")
        file, offered = await self._file(picture), _listed(choices)
        (entry,) = await self._in_time(
            answer_entries(
                served, file, [str(question)[:1000]], _never,
                choices=offered or None, top=max(5, len(offered)), attention=attention is True,
            )
        )  # fmt: skip
        bars = [Bar(each["answer"] or "(no word)", each["probability"]) for each in entry["answers"]]
        shown = ""
        labels, weights = entry.get("attention", {"labels": (), "weights": ()}).values()
        if maps := maps_of([bars[0].text] if labels == ["hop 1"] else labels, weights):
            title = "What the answer hangs on" if maps.by_occlusion else "Where it looked"
            picture_shown = await self._picture(file, _LONGEST)
            shown = await anyio.to_thread.run_sync(attention_html, picture_shown, maps, title)
        best = caption_html(bars[0].text) if bars else ""
        return best + bars_html(bars, "Answers"), shown

    async def caption_many(self, files: object, model: object) -> AsyncIterator[tuple[str, str]]:
        """The table of captions as it grows, and at its end a link that saves it."""
        try:
            served, files = self._model(model, "captioner"), files if isinstance(files, list) else []
            if not files:
                yield hint_html("Choose some pictures first."), ""
            rows: list[Row] = []
            size = min(self.service.limits.images, served.batcher.batch_size)
            for start in range(0, len(files), size):
                rows += await self._rows(served, files[start : start + size])
                yield table_html(rows, len(files)), csv_link(rows) if len(rows) == len(files) else ""
        except Exception as error:
            raise self.shown(error) from None

    @_explained
    async def example(self, number: object) -> str:
        """The file of an example, by its number."""
        if not isinstance(number, int) or not 0 <= number < len(self.examples):
            raise BadRequest("There is no such example.")
        return str(self.examples[number])

    @_explained
    async def settings(self, model: object) -> list[object]:
        """The values that the controls have for a model."""
        return default_controls(self._model(model, "captioner"))

    def shown(self, error: Exception) -> Exception:
        """What gradio shows to people in place of an error: a sentence. Only errors of the program are logged."""
        from gradio import Error

        if isinstance(error, ImageError):
            reason = f"The picture cannot be used: {error.reason}."
        elif isinstance(error, UserError):
            reason = str(error)
        elif isinstance(error, Overloaded):
            reason = "Too many requests wait. Try again in a moment."
        elif isinstance(error, TimeoutError):
            reason = f"It took more than {self.service.limits.seconds:g} seconds. Ask for less, or try again."
        else:
            reason = "The service failed at this."
            _log.error("An event of the page failed: %s", type(error).__name__, exc_info=error)
        return Error(escape(reason), title="This did not work", print_exception=False)

    def _model(self, name: object, kind: str) -> ServedModel:
        return self.service.named(name if isinstance(name, str) else None, kind)

    async def _file(self, picture: object) -> bytes:
        return await anyio.to_thread.run_sync(self.uploads.read, picture, self.service.limits.of_images)

    async def _picture(self, file: bytes, longest: int) -> Image.Image:
        return await anyio.to_thread.run_sync(small_picture, file, longest, self.service.limits.of_images)

    async def _in_time(self, entries):
        return await asyncio.wait_for(entries, self.service.limits.seconds)

    async def _rows(self, served: ServedModel, payloads: Sequence[object]) -> list[Row]:
        """Captions of some pictures; those that wait for others to be done try again."""
        files = [await self._file_or_reason(each) for each in payloads]
        for attempt in range(30):
            try:
                entries = await self._in_time(caption_entries(served, files, {}, _never))
                break
            except Overloaded:
                if attempt == 29:
                    raise
                await asyncio.sleep(1)
        names = [_name(each) for each in payloads]
        thumbnails = [await self._thumbnail(file, entry) for file, entry in zip(files, entries, strict=True)]
        return [Row(*each) for each in zip(names, thumbnails, entries, strict=True)]

    async def _file_or_reason(self, payload: object) -> bytes | str:
        try:
            return await self._file(payload)
        except ImageError as error:
            return error.reason
        except BadRequest as error:
            return str(error)

    async def _thumbnail(self, file: bytes | str, entry: dict) -> str:
        return "" if isinstance(file, str) or "error" in entry else data_uri(await self._picture(file, _SMALL), 60)


def default_controls(model: ServedModel) -> list[object]:
    """The values of `CONTROLS` that change nothing about how a model writes."""
    config = model.generation()
    values = {name: getattr(config, name) for name in CONTROLS}
    values |= {"candidates": min(3, config.num_beams), "force_words": ", ".join(config.force_words)}
    return list((values | {"bad_words": ", ".join(config.bad_words)}).values())


def _options(values: Sequence[object]) -> dict[str, object]:
    """The options of a caption: those of the search, or those of sampling.

    Raises:
        BadRequest: there are not as many as the page has.
    """
    if len(values) != len(CONTROLS):
        raise BadRequest("The page has other controls. Load it again.")
    options = dict(zip(CONTROLS, values, strict=True))
    sample = options["do_sample"] is True
    if not sample or not _listed(options["force_words"]):  # which cannot be sampled: the service says so
        for name in _SEARCH if sample else _SAMPLING:
            del options[name]
    for name in ("force_words", "bad_words"):
        if name in options:
            options[name] = _listed(options[name])
    return caption_options(options)


def _listed(text: object) -> list[str]:
    """The words and phrases of a text, which commas separate."""
    return [part.strip() for part in str(text or "")[:2000].split(",") if part.strip()]


def _name(payload: object) -> str:
    """The name that a file had where it was sent from."""
    name = payload.get("orig_name") if isinstance(payload, dict) else None
    return name[:255] if isinstance(name, str) and name else "picture"


async def _never() -> bool:
    """The page's clients are not seen going away."""
    return False
