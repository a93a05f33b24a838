"""The work of captioning: files to records, batch by batch, in threads.

walk ──▶ batches of N ──▶ decode (threads) ──▶ network (a thread) ──▶ records (the caller's thread)
                  at most `_AHEAD` batches wait at each arrow
"""

import hashlib
import itertools
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images import ImageError, ImageLimits, decode_image, normalise
from pipelines.disk import told
from pipelines.folders import Found
from pipelines.parallel import in_order
from pipelines.stamps import MISSING, file_stamps

_AHEAD = 3  # batches that are decoded before the network asks for them


@dataclass(frozen=True)
class CaptionOptions:
    """How captions are made.

    beam_size: beams of the search; None: the model's own setting.
    candidates: captions an image, at most `beam_size`.
    batch_size: images at once.
    attention: a folder for pictures of where the decoder looked, one an image, or None.
    limits: what an image may ask for before it is refused.
    max_words: the longest caption; None: the model's own setting.
    min_score: captions below it (mean log-probability a word) are marked as unsure; None: none are.
    sidecars: what is written beside each image: some of "txt" and "xmp".
    """

    beam_size: int | None = None
    candidates: int = 1
    batch_size: int = 16
    attention: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)
    max_words: int | None = None
    min_score: float | None = None
    sidecars: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """A line for an image. path: its file. stamp: what the file was like before it was read."""

    record: dict
    path: str
    stamp: int


@dataclass(frozen=True)
class _Read:
    """What became of a file: pixels, or why there are none; and its stamps."""

    pixels: np.ndarray | None
    problem: str
    stamps: tuple[int, int] | None

    @property
    def stamp(self) -> int:
        if self.stamps is None:
            return MISSING
        return self.stamps[1] if self.problem else self.stamps[0]


def work(batches, captioner, options: CaptionOptions, batch_size: int) -> Iterator[list[Done]]:
    """Lines batch by batch; the work is done in another thread, so that Ctrl-C is heard meanwhile.

    Args:
        batches: iterator of `(files, places of those that need a line)`.
        captioner: an `ImageCaptioner`, or a function that loads one, called only if there is a batch.
        options: how.
        batch_size: files of a full batch.
    """
    results: queue.Queue = queue.Queue(maxsize=_AHEAD)
    stop = threading.Event()

    def run():
        try:
            for done in _work(batches, captioner, options, batch_size, stop):
                _put(results, done, stop)
            _put(results, None, stop)
        except BaseException as error:
            _put(results, error, stop)

    threading.Thread(target=run, daemon=True, name="captioning").start()
    try:
        while (done := results.get()) is not None:
            if isinstance(done, BaseException):
                raise done
            yield done
    finally:
        stop.set()


def _put(results: queue.Queue, item, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            results.put(item, timeout=0.2)
            return
        except queue.Full:
            continue


def _work(batches, captioner, options: CaptionOptions, batch_size: int, stop: threading.Event) -> Iterator[list[Done]]:
    first = next(batches, None)
    if first is None:
        return
    captioner = captioner() if callable(captioner) else captioner
    if options.attention is not None and captioner.encoder.grid is None:
        raise UserError("This model sees an image as a whole, not place by place: there is no attention to draw.")
    to_decode, to_caption = itertools.tee(itertools.chain([first], batches))
    decode = partial(_decode, spec=captioner.encoder.spec, limits=options.limits)
    decoded = in_order(decode, (file for batch, _ in to_decode for file in batch), _AHEAD * batch_size)
    try:
        for batch, missing in to_caption:
            if stop.is_set():
                return
            read = list(itertools.islice(decoded, len(batch)))
            yield _done(batch, missing, read, captioner, options, batch_size)
    finally:
        decoded.close()


def _decode(file: Found, spec, limits: ImageLimits) -> _Read:
    stamps = file_stamps(file.path, limits)  # before it is read: a change meanwhile must show
    if file.problem:
        return _Read(None, file.problem, stamps)
    try:
        return _Read(decode_image(file.path, spec, limits), "", stamps)
    except ImageError as error:
        return _Read(None, error.reason, stamps)


def _done(
    batch: list[Found], missing: set[int], read: list[_Read], captioner, options: CaptionOptions, batch_size: int
) -> list[Done]:
    """The lines of those images of a batch that have none yet."""
    readable = [place for place, one in enumerate(read) if one.pixels is not None]
    captions = {}
    if missing.intersection(readable):
        pixels = np.stack([read[place].pixels for place in readable])
        features = captioner.encode(normalise(pixels, captioner.encoder.spec), batch_size)
        more = {}
        if options.max_words is not None:
            more["search"] = captioner.settings.search.model_copy(update={"max_words": options.max_words})
        found = captioner.caption_features(
            features,
            beam_size=options.beam_size,
            candidates=options.candidates,
            attention=options.attention is not None,
            batch_size=batch_size,
            **more,
        )
        captions = dict(zip(readable, found, strict=True))
    if options.attention is not None:
        for place in missing.intersection(readable):
            picture = (batch[place].name, read[place].pixels, captions[place][0])
            _draw_attention(*picture, captioner.encoder.grid, options.attention)
    return [
        Done(
            _record(batch[place].name, captions[place], options.min_score)
            if place in captions
            else {"image": batch[place].name, "error": read[place].problem},
            batch[place].path,
            read[place].stamp,
        )
        for place in sorted(missing)
    ]


def _record(name: str, captions: list, min_score: float | None) -> dict:
    record = {"image": name, "caption": captions[0].text, "score": round(captions[0].score, 4)}
    if min_score is not None and record["score"] < min_score:
        record["unsure"] = True
    if len(captions) > 1:
        record["candidates"] = [{"caption": each.text, "score": round(each.score, 4)} for each in captions]
    return record


def _draw_attention(name: str, pixels: np.ndarray, caption, grid: tuple[int, int], folder: Path) -> None:
    from pipelines.pictures import attention_sheet

    if caption.attention is None:
        raise UserError("This model's decoder does not attend to places of the image: there is no attention to draw.")
    path = picture_path(name, folder)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        attention_sheet(pixels, caption.words, caption.attention, grid).save(path)


def picture_path(name: str, folder: Path) -> Path:
    """Where the picture of an image goes: its name below `folder`, never above it, with `.png` behind.

    >>> picture_path("../a/b.jpg", Path("looks")).as_posix()
    'looks/a/b.jpg.png'
    """
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    *parents, last = parts or ["image"]
    if len(os.fsencode(last)) > 240:  # most file systems allow 255 bytes
        last = last[:40] + hashlib.blake2b(os.fsencode(last), digest_size=8).hexdigest()
    return folder.joinpath(*parents, last + ".png")
