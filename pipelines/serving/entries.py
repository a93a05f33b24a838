"""From the bytes of images to what clients get of them: captions, answers, and where the model looked for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import anyio.to_thread
import numpy as np
from starlette.requests import ClientDisconnect

from captioner.images.decode import ImageError
from captioner.models.captioning.captions import Caption
from pipelines.evaluation.results import AttentionMaps
from pipelines.serving.requests import BadRequest
from pipelines.serving.service import ServedModel

_DIGITS = 4  # of scores, probabilities and weights

Gone = Callable[[], Awaitable[bool]]
"""Whether the client has gone away, so that nobody waits for its results."""


async def caption_entries(
    model: ServedModel,
    files: Sequence[bytes | str],
    options: dict[str, object],
    gone: Gone,
    attention: bool = False,
) -> list[dict]:
    """For each image its caption, or the reason why there is none.

    Args:
        files: bytes of images, or reasons why there is no image.
        options: of the generation of captions.
        attention: add to each caption its T `words` and their `attention`, if the decoder has any: weights `(T, h, w)`,
            as lists, over the grid of the encoder, or `(T, P)` where its positions form none.

    Raises:
        UserError: an option is unknown or out of range, or attention is asked of exported networks.
        Overloaded: too much waits.
        ClientDisconnect: the client has gone.
    """
    config = model.generation(options)
    model.batcher.require_room(len(files))  # a full service decodes nothing
    decoded = [file if isinstance(file, str) else await _decoded(model, file) for file in files]
    pixels = [each for each in decoded if isinstance(each, np.ndarray)]
    results = iter(await _finished(model.caption(pixels, config, attention), gone) if pixels else [])
    return [
        {"error": each} if isinstance(each, str) else _caption_entry(model, next(results), config.candidates)
        for each in decoded
    ]


async def answer_entries(
    model: ServedModel,
    file: bytes,
    questions: Sequence[str],
    gone: Gone,
    choices: Sequence[str] | None = None,
    top: int = 5,
    attention: bool = False,
) -> list[dict]:
    """For each question about an image its answers with probabilities.

    Args:
        choices: what to choose from, or None.
        top: answers a question at most.
        attention: add to each question its `attention`: M `labels` and `weights` `(M, h, w)`, as lists; of a model
            without attention how much less probable the first answer becomes where the image is covered.

    Raises:
        BadRequest: the image cannot be read.
        UserError, Overloaded, ClientDisconnect: see `caption_entries`.
    """
    model.batcher.require_room(len(questions))
    pixels = await _decoded(model, file)
    if isinstance(pixels, str):
        raise BadRequest(pixels)
    results = await _finished(model.answer(pixels, questions, choices, attention), gone)
    entries = []
    for question, (answers, maps) in zip(questions, results, strict=True):
        listed = [{"answer": each.text, "probability": round(each.probability, _DIGITS)} for each in answers[:top]]
        entries.append({"question": question, "answers": listed})
        if maps is not None:
            entries[-1]["attention"] = _maps_entry(maps)
    return entries


async def _decoded(model: ServedModel, file: bytes) -> np.ndarray | str:
    """Pixels, or why there are none."""
    try:
        return await anyio.to_thread.run_sync(model.decode, file)
    except ImageError as error:
        return error.reason


async def _finished(futures: Sequence, gone: Gone) -> list:
    """The results of a batcher; where the client goes away, or its time is up, what waits is given up."""
    waiting = asyncio.gather(*map(asyncio.wrap_future, futures))
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=0.5)
            if done:
                return waiting.result()
            if await gone():
                raise ClientDisconnect
    finally:
        for future in futures:
            future.cancel()


def _caption_entry(model: ServedModel, captions: Sequence[Caption], candidates: int) -> dict:
    best = captions[0]
    entry = _scored(best)
    if model.unsure(best):
        entry["unsure"] = True
    if candidates > 1:
        entry["candidates"] = [_scored(each) for each in captions]
    return entry


def _scored(caption: Caption) -> dict:
    entry = {"caption": caption.text, "score": round(caption.score, _DIGITS)}
    if caption.attention is not None:
        entry |= {"words": list(caption.words), "attention": _rounded(caption.attention)}
    return entry


def _maps_entry(maps: AttentionMaps) -> dict:
    return {"labels": list(maps.labels), "weights": _rounded(maps.weights.reshape(-1, *maps.grid))}


def _rounded(weights: np.ndarray) -> list:
    return np.round(weights.astype("float64"), _DIGITS).tolist()
