"""The work of captioning: files to records, batch by batch, in threads.

walk ──▶ batches of N ──▶ decode (threads) ──▶ network (a thread) ──▶ records (the caller's thread)
                  at most `_AHEAD` batches wait at each arrow
"""

import hashlib
import itertools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import ClipSpec, decode_pixels, pixel_batch
from captioner.images.decode import ImageError, ImageLimits
from captioner.models.captioning.sampling import Sampling, keys_of
from pipelines.inference.jobs.file_fingerprints import MISSING, file_fingerprints
from pipelines.inference.jobs.image_walk import Found
from pipelines.inference.search_options import SearchOptions
from pipelines.utils.atomic_files import as_user_error
from pipelines.utils.threads import background_iterator, parallel_map

_AHEAD = 3  # batches that are decoded before the network asks for them


@dataclass(frozen=True)
class CaptionOptions(SearchOptions):
    """How captions are made: what `SearchOptions` says, and:

    candidates: captions an image, at most `num_beams`, or any number of drawn ones.
    batch_size: images at once.
    attention: a folder for pictures of where the decoder looked, one an image, or None.
    tree: a folder for pages on which the candidates can be walked word by word, one an image, or None; for a single
        image also the page itself, which ends in .html.
    limits: what an image may ask for before it is refused.
    min_score: captions below it (mean log-probability a word) are marked as unsure; None: none are.
    sidecars: what is written beside each image: some of "txt" and "xmp".
    frames: the images of a folder are the frames of one clip.
    sampling: how captions are drawn, a `captioner.models.captioning.sampling.Sampling`; None: they are searched for.
    """

    candidates: int = 1
    batch_size: int = 16
    attention: Path | None = None
    tree: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)
    min_score: float | None = None
    sidecars: tuple[str, ...] = ()
    frames: bool = False
    sampling: Sampling | None = None


@dataclass(frozen=True)
class Done:
    """A line for an image. path: its file. stamp: what the file was like before it was read."""

    record: dict
    path: str
    stamp: int


@dataclass(frozen=True)
class Read:
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
    yield from background_iterator(
        lambda stop: _work(batches, captioner, options, batch_size, stop), _AHEAD, "captioning"
    )


def _work(batches, captioner, options: CaptionOptions, batch_size: int, stop: threading.Event) -> Iterator[list[Done]]:
    first = next(batches, None)
    if first is None:
        return
    captioner = captioner() if callable(captioner) else captioner
    if options.frames and not isinstance(captioner.encoder.spec, ClipSpec):
        raise UserError(
            "This model looks at single images, and --frames gives it clips. Train one that looks at clips with "
            "--set encoder.frames=8, or leave --frames out: of an animated GIF it then sees the first frame."
        )
    if options.attention is not None and captioner.encoder.grid is None:
        raise UserError("This model sees an image as a whole, not place by place: there is no attention to draw.")
    to_decode, to_caption = itertools.tee(itertools.chain([first], batches))
    decode = partial(read_image, spec=captioner.encoder.spec, limits=options.limits)
    decoded = parallel_map(decode, (file for batch, _ in to_decode for file in batch), _AHEAD * batch_size)
    try:
        for batch, missing in to_caption:
            if stop.is_set():
                return
            read = list(itertools.islice(decoded, len(batch)))
            yield _done(batch, missing, read, captioner, options, batch_size)
    finally:
        decoded.close()


def read_image(file: Found, spec, limits: ImageLimits) -> Read:
    """The pixels of a file, or why there are none."""
    stamps = file_fingerprints(file.path, limits)  # before it is read: a change meanwhile must show
    if file.problem:
        return Read(None, file.problem, stamps)
    try:
        return Read(decode_pixels(file.path, spec, limits), "", stamps)
    except ImageError as error:
        return Read(None, error.reason, stamps)


def _done(
    batch: list[Found], missing: set[int], read: list[Read], captioner, options: CaptionOptions, batch_size: int
) -> list[Done]:
    """The lines of those images of a batch that have none yet."""
    readable = [place for place, one in enumerate(read) if one.pixels is not None]
    captions = {}
    if missing.intersection(readable):
        pixels = pixel_batch([read[place].pixels for place in readable], captioner.encoder.spec)
        features = captioner.encode(pixels, batch_size)
        more = {}
        if options.changes:
            more["search"] = options.settings(captioner.settings.search)
        if options.sampling is not None:
            more.update(sampling=options.sampling, keys=keys_of(pixels))
        found = captioner.caption_features(
            features,
            num_beams=options.num_beams,
            candidates=options.candidates,
            attention=options.attention is not None,
            batch_size=batch_size,
            **more,
        )
        captions = dict(zip(readable, found, strict=True))
        if options.tree is not None:
            _write_trees(batch, missing, read, captions, features, captioner, options, batch_size)
    if options.attention is not None:
        for place in missing.intersection(readable):
            picture = (batch[place].name, read[place].pixels, captions[place][0])
            _draw_attention(*picture, captioner.encoder.grid, options.attention)
    return [
        Done(
            _record(batch[place].name, captions[place], options)
            if place in captions
            else {"image": batch[place].name, "error": read[place].problem},
            batch[place].path,
            read[place].stamp,
        )
        for place in sorted(missing)
    ]


def _record(name: str, captions: list, options: CaptionOptions) -> dict:
    record = {"image": name, "caption": captions[0].text, "score": round(captions[0].score, 4)}
    if options.min_score is not None and record["score"] < options.min_score:
        record["unsure"] = True
    if len(captions) > 1:
        if options.sampling is None:  # two groups of a diverse search may find the same caption; who reads it needs one
            first = {}
            for each in captions:
                first.setdefault(each.text, each)
            captions = list(first.values())
        record["candidates"] = [{"caption": each.text, "score": round(each.score, 4)} for each in captions]
    return record


def _draw_attention(name: str, pixels: np.ndarray, caption, grid: tuple[int, int], folder: Path) -> None:
    from pipelines.evaluation.reports.figures import attention_sheet

    if caption.attention is None:
        raise UserError("This model's decoder does not attend to places of the image: there is no attention to draw.")
    path = picture_path(name, folder)
    with as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        attention_sheet(pixels, caption.words, caption.attention, grid).save(path)


def _write_trees(batch, missing, read, captions, features, captioner, options: CaptionOptions, batch_size: int):
    from captioner.models.captioning.scoring import read_words
    from pipelines.evaluation.reports.beam_tree import PAGE, write_page

    words = [[caption.words for caption in found] for found in captions.values()]
    values = read_words(captioner, features, words, batch_size, options.candidates)
    for (place, found), probabilities in zip(captions.items(), values, strict=True):
        if place in missing and found:
            one = options.tree.suffix.lower() == PAGE
            path = options.tree if one else picture_path(batch[place].name, options.tree, PAGE)
            write_page(path, batch[place].name, batch[place].path, read[place].pixels, found, probabilities)


def picture_path(name: str, folder: Path, ending: str = ".png") -> Path:
    """Where the picture or page of an image goes: its name below `folder`, never above it, with `ending` behind.

    >>> picture_path("../a/b.jpg", Path("looks")).as_posix()
    'looks/a/b.jpg.png'
    """
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    *parents, last = parts or ["image"]
    if len(os.fsencode(last)) > 240:  # most file systems allow 255 bytes
        last = last[:40] + hashlib.blake2b(os.fsencode(last), digest_size=8).hexdigest()
    return folder.joinpath(*parents, last + ending)
