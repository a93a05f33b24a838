"""The images of a job: read, with the reason where that fails; and where pictures about them go."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from captioner.files import atomic_file, make_folder
from captioner.images.clips import decode_pixels
from captioner.images.decode import ImageError, ImageLimits
from pipelines.evaluation.results import AttentionMaps
from pipelines.inference.jobs.file_fingerprints import MISSING, file_fingerprints


@dataclass(frozen=True)
class DecodedImage:
    """The pixels of a file, or why there are none; fingerprint: of the file before it was read."""

    pixels: np.ndarray | None
    problem: str
    fingerprint: int


def read_image(path: str | os.PathLike, spec, limits: ImageLimits, problem: str = "") -> DecodedImage:
    """Decodes a file, unless a `problem` with it is known already."""
    # Before it is read, so that a change meanwhile shows.
    readable, unreadable = file_fingerprints(path, limits) or (MISSING, MISSING)
    if problem:
        return DecodedImage(None, problem, unreadable)
    try:
        return DecodedImage(decode_pixels(path, spec, limits), "", readable)
    except ImageError as error:
        return DecodedImage(None, error.reason, unreadable)


def picture_path(name: str, folder: Path, ending: str = ".png") -> Path:
    """Where the picture or page of an image goes: its name with `ending`, below `folder` and never above it.

    >>> picture_path("../a/b.jpg", Path("attention")).as_posix()
    'attention/a/b.jpg.png'
    """
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    *parents, last = parts or ["image"]
    if len(os.fsencode(last)) > 240:  # most file systems allow 255 bytes
        last = last[:40] + hashlib.blake2b(os.fsencode(last), digest_size=8).hexdigest()
    return folder.joinpath(*parents, last + ending)


def save_attention(
    folder: Path, path: Path, file: str | Path, pixels: np.ndarray, maps: AttentionMaps, title=()
) -> None:
    """Saves a sheet with a copy of the image for each of its attention maps; see `attention_sheet`.

    Args:
        folder: the one for all pictures. path: of this one, a PNG below it.
        file: of the image. pixels: what the network saw of it.

    Raises:
        UserError: it cannot be written.
    """
    from pipelines.evaluation.reports.figures import attention_sheet, picture_of

    sheet = attention_sheet(picture_of(file, pixels, 448), maps, title)
    make_folder(path.parent, below=folder)
    with atomic_file(path) as file:
        sheet.save(file, format="PNG")
