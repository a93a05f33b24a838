"""Captions for files and folders: one line an image, whatever the folder holds and whenever the power fails.

    walk ──▶ batches of N ──▶ decode (threads) ──▶ network (a thread) ──▶ journal (this thread)
                      at most `_AHEAD` batches wait at each arrow

A batch is N files that follow one another in the walk, readable or not, so the same folder always gives the
same batches. A run that goes on after a kill therefore computes the batch that was cut off once more and
appends what is missing of it: the file has the same bytes as that of a run that was never stopped, even where
the last digits of a network depend on what else is in the batch.
"""

import hashlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images import ImageError, ImageLimits, decode_image, normalise
from pipelines.disk import told
from pipelines.folders import Found, distinct_paths, find_images
from pipelines.journal import Journal, read_journal
from pipelines.parallel import in_order
from pipelines.tables import need_parquet, write_csv, write_parquet

_AHEAD = 3  # batches that are decoded before the network asks for them
FORMATS = (".jsonl", ".csv", ".parquet")


@dataclass(frozen=True)
class CaptionOptions:
    """How captions are made.

    beam_size: beams of the search; None: the model's own setting.
    candidates: captions an image, at most `beam_size`.
    batch_size: images at once.
    attention: a folder for pictures of where the decoder looked, one an image, or None.
    limits: what an image may ask for before it is refused.
    """

    beam_size: int | None = None
    candidates: int = 1
    batch_size: int = 16
    attention: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)


@dataclass
class CaptionSummary:
    """What was done.

    captioned, skipped: images of this run with a caption, and those that could not be read.
    before: images that were in the output already.
    faults: images that could not be read in the whole output, earlier runs included.
    """

    captioned: int = 0
    skipped: int = 0
    before: int = 0
    faults: int = 0
    seconds: float = 0.0


def caption_images(
    paths: Sequence[str | Path],
    captioner,
    output: str | Path | None = None,
    *,
    model: str = "",
    options: CaptionOptions = CaptionOptions(),
    begin: Callable[[int], object] | None = None,
    show: Callable[[dict], object] | None = None,
) -> CaptionSummary:
    """Captions files and everything in folders.

    Args:
        paths: images and folders.
        captioner: an `ImageCaptioner`, or a function that loads one, called only if there is work to do.
        output: a `.jsonl`, `.csv` or `.parquet` file; one that the same call began before is gone on with.
            Without it nothing is written, and `show` gets the records.
        model: what tells this model from others, such as its checksum.
        options: how.
        begin: called once with the number of images that the output has already.
        show: called with every new record, in order, after it is safe.

    Raises:
        UserError: nothing to caption, an output that is not this job's, or a disk that refuses.
    """
    begun = time.monotonic()
    output = None if output is None else _checked(Path(output))
    without = [] if options.attention is None else [options.attention]
    found, few = _peek(find_images(paths, without), options.batch_size)
    batch_size = min(options.batch_size, max(few, 1))
    summary = CaptionSummary()
    with _open_journal(output, _made_with(paths, model, options)) as journal:
        if journal is not None:
            summary.before, summary.faults = len(journal), journal.faults
        if begin:
            begin(summary.before)
        for records in _caption(_batches(found, batch_size, journal), captioner, options, batch_size):
            if journal is not None:
                journal.append(records)
            faults = sum("error" in record for record in records)
            summary.skipped += faults
            summary.faults += faults
            summary.captioned += len(records) - faults
            for record in records:
                if show:
                    show(record)
    if output is not None and output.suffix.lower() != ".jsonl":
        columns = ["image", "caption", "score", *(["candidates"] if options.candidates > 1 else []), "error"]
        write = write_csv if output.suffix.lower() == ".csv" else write_parquet
        write(read_journal(journal_path(output)), output, columns)
    summary.seconds = time.monotonic() - begun
    return summary


def journal_path(output: Path) -> Path:
    """Where the journal of an output file is: the file itself if it is `.jsonl`, else beside it."""
    return output if output.suffix.lower() == ".jsonl" else output.with_name(output.name + ".jsonl")


def _checked(output: Path) -> Path:
    if output.suffix.lower() not in FORMATS:
        raise UserError(
            f"{output} should end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}: that says how it is written."
        )
    if output.is_dir():
        raise UserError(f"{output} is a folder. Give the name of a file to write captions to.")
    if output.suffix.lower() == ".parquet":
        need_parquet()  # to be told now, not after a night's work
    if output.exists() and not journal_path(output).exists():
        raise UserError(
            f"{output} exists already and was not begun by this command ({journal_path(output).name} is not "
            "beside it). Nothing was changed: give another --output, or move that file away."
        )
    return output


def _made_with(paths, model: str, options: CaptionOptions) -> dict:
    """What must be the same for two calls to write to one file; the keys stand in the message."""
    given = distinct_paths(paths)
    return {
        "model": model,
        "beam size": options.beam_size,
        "number of candidates": options.candidates,
        "folder or list of images": [os.path.realpath(path) for path in given] if len(given) == 1 else sorted(given),
    }


def _open_journal(output: Path | None, made_with: dict):
    return nullcontext() if output is None else Journal(journal_path(output), made_with)


def _peek(found: Iterator[Found], number: int) -> tuple[Iterator[Found], int]:
    """The same images, and how many of the first `number` there are: one image needs no batch of 16."""
    first = list(itertools.islice(found, number))
    if not first:
        raise UserError(
            "There is no image in what was given. Images are known by their names' endings and their content."
        )
    return itertools.chain(first, found), len(first)


def _batches(found: Iterable[Found], size: int, journal: Journal | None) -> Iterator[tuple[list[Found], set[int]]]:
    """`(files, places of those that still need a line)` of every batch that has any."""
    found = iter(found)
    while batch := list(itertools.islice(found, size)):
        missing = {place for place, file in enumerate(batch) if journal is None or file.name not in journal}
        if missing:
            yield batch, missing


def _caption(batches, captioner, options: CaptionOptions, batch_size: int) -> Iterator[list[dict]]:
    """Records batch by batch; the work is done in another thread, so that Ctrl-C is heard meanwhile."""
    results: queue.Queue = queue.Queue(maxsize=_AHEAD)
    stop = threading.Event()

    def work():
        try:
            for records in _work(batches, captioner, options, batch_size, stop):
                _put(results, records, stop)
            _put(results, None, stop)
        except BaseException as error:
            _put(results, error, stop)

    threading.Thread(target=work, daemon=True, name="captioning").start()
    try:
        while (records := results.get()) is not None:
            if isinstance(records, BaseException):
                raise records
            yield records
    finally:
        stop.set()


def _put(results: queue.Queue, item, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            results.put(item, timeout=0.2)
            return
        except queue.Full:
            continue


def _work(batches, captioner, options: CaptionOptions, batch_size: int, stop: threading.Event) -> Iterator[list[dict]]:
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
            pixels = list(itertools.islice(decoded, len(batch)))
            yield _records(batch, missing, pixels, captioner, options, batch_size)
    finally:
        decoded.close()


def _decode(file: Found, spec, limits: ImageLimits) -> np.ndarray | str:
    """Pixels, or why there are none."""
    if file.problem:
        return file.problem
    try:
        return decode_image(file.path, spec, limits)
    except ImageError as error:
        return error.reason


def _records(
    batch: list[Found], missing: set[int], decoded: list, captioner, options: CaptionOptions, batch_size: int
) -> list[dict]:
    """The records of those images of a batch that have no line yet."""
    readable = [place for place, pixels in enumerate(decoded) if not isinstance(pixels, str)]
    captions = {}
    if missing.intersection(readable):
        pixels = np.stack([decoded[place] for place in readable])
        features = captioner.encode(normalise(pixels, captioner.encoder.spec), batch_size)
        found = captioner.caption_features(
            features,
            beam_size=options.beam_size,
            candidates=options.candidates,
            attention=options.attention is not None,
            batch_size=batch_size,
        )
        captions = dict(zip(readable, found, strict=True))
    if options.attention is not None:
        for place in missing.intersection(readable):
            _draw_attention(
                batch[place].name,
                decoded[place],
                captions[place][0],
                captioner.encoder.grid,
                options.attention,
            )
    return [
        _record(batch[place].name, captions[place])
        if place in captions
        else {"image": batch[place].name, "error": decoded[place]}
        for place in sorted(missing)
    ]


def _record(name: str, captions: list) -> dict:
    record = {"image": name, "caption": captions[0].text, "score": round(captions[0].score, 4)}
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
