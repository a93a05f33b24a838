"""The images of files and folders: a walk with bounded memory, whatever the number of files.

The walk is a generator in sorted order, so the same folder gives the same images in the same order. Of a folder only
the next `HELD` names are kept: a larger one is listed several times, so that memory does not grow with it. No file is
opened unless its name says nothing.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.images.decode import IMAGE_EXTENSIONS, sniff_image
from captioner.images.files import litter_kind
from captioner.remote import RemoteFile, address_of, is_remote, list_files

HELD = 50_000  # names in memory: some megabytes


@dataclass(frozen=True)
class ImageFile:
    """An image or a clip.

    name: in records. path: of the file, of the folder of a clip's frames, or of an object in a store. problem: why it
    cannot be read, if known.
    """

    name: str
    path: str | RemoteFile
    problem: str = ""


def find_images(
    paths: Sequence[str | Path], exclude: Sequence[str | Path] = (), litter: Counter | None = None
) -> Iterator[ImageFile]:
    """All images of `paths`: files, and everything below folders.

    In a folder a file counts as an image if its name ends like one's or if it begins like one. Links to files
    are followed; links to folders too, unless that folder is walked anyway, so no circle goes round twice. What other
    programs keep beside images (`captioner.images.files.litter_kind`) is left out.

    Names are relative to the folder if there is but one path and it is a folder. Otherwise they begin with
    the path itself, so that equal names in two folders stay apart. Paths inside others are left out.

    Args:
        paths: files and folders.
        exclude: folders to leave out, such as one that pictures are written to.
        litter: counts by kind the files and folders that other programs keep beside images.

    Raises:
        UserError: there is no path, or none of them exists.
    """
    distinct = distinct_paths(paths)
    if not any(is_remote(path) or os.path.lexists(path) for path in distinct):
        missing = " or ".join(distinct[:3]) or "(no path was given)"
        raise UserError(f"There is no file or folder {missing}. Give images, or folders with images.")
    return _find(distinct, exclude, Counter() if litter is None else litter, alone=len(distinct) == 1)


def find_clips(
    paths: Sequence[str | Path], exclude: Sequence[str | Path] = (), litter: Counter | None = None
) -> Iterator[ImageFile]:
    """All clips of `paths`: animated GIFs, and folders whose images are the frames of one clip each.

    Below a folder every GIF is a clip, and the other images that lie in one folder are the frames of another, which has
    the folder's name. A single image that is named itself is a clip of one frame. Names begin with the path.

    Args:
        paths, exclude, litter: as in `find_images`.

    Raises:
        UserError: there is no path, or none of them exists.
    """
    if any(map(is_remote, paths)):
        raise UserError("Clips are read from this machine only: download the folder first, and give its path.")
    find_images(paths, exclude)  # raises
    distinct = distinct_paths(paths)
    return _clips(_find(distinct, exclude, Counter() if litter is None else litter, alone=False), set(distinct))


def _clips(images: Iterator[ImageFile], distinct: set[str]) -> Iterator[ImageFile]:
    folders = set()
    for image in images:
        ending = os.path.splitext(image.path)[1].lower()
        if image.path in distinct or image.problem or ending == ".gif" or ending not in IMAGE_EXTENSIONS:
            yield image
            continue
        folder = os.path.dirname(image.path)
        if folder not in folders:
            folders.add(folder)
            yield ImageFile(os.path.dirname(image.name) or image.name, folder)


def _find(distinct: list[str], exclude: Sequence[str | Path], litter: Counter, alone: bool) -> Iterator[ImageFile]:
    left_out = {os.path.realpath(path) for path in exclude}
    walked = [os.path.realpath(path) for path in distinct if os.path.isdir(path)]
    for path in distinct:
        if is_remote(path):
            yield from _remote(path, alone, litter)
        elif os.path.isdir(path):
            yield from _walk(path, "" if alone else _as_name(path), walked, left_out, litter)
        else:
            yield ImageFile(_as_name(path), path)


def _remote(address: str, alone: bool, litter: Counter) -> Iterator[ImageFile]:
    """Everything below a folder of a store, in the order of its keys, or the one object of this name."""
    folder = address.rstrip("/") + "/"
    for file in list_files(address):
        name = file.address.removeprefix(folder)
        parts = name.split("/")
        kinds = [litter_kind(part + "/" * (number < len(parts))) for number, part in enumerate(parts, start=1)]
        if kind := next(filter(None, kinds), ""):
            litter[kind] += 1
        elif os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS or sniff_image(file):
            yield ImageFile(name if alone else file.address, file)


def distinct_paths(paths: Sequence[str | Path]) -> list[str]:
    """The paths in their order, without those that are inside others or the same."""
    remote = list(dict.fromkeys(address_of(path).rstrip("/") for path in paths if is_remote(path)))
    if remote:
        others = distinct_paths([path for path in paths if not is_remote(path)])
        outer = [path for path in remote if not any(path.startswith(other + "/") for other in remote)]
        return [*outer, *others]
    real = [(os.path.realpath(path), os.fspath(path)) for path in paths]
    kept: dict[str, str] = {}
    for resolved, path in sorted(real, key=lambda pair: len(pair[0])):
        # A link to a file is an image of its own name: only the folder it is in counts.
        location = (
            resolved
            if os.path.isdir(path)
            else os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        )
        if location not in kept and not any(_inside(location, other) for other in kept):
            kept[location] = path
    return [path for path in dict.fromkeys(path for _, path in real) if path in set(kept.values())]


def _walk(folder: str, name: str, walked: list[str], left_out: set[str], litter: Counter) -> Iterator[ImageFile]:
    """Everything below `folder`, which is called `name` in results; a stack: folders may be nested deeply."""
    stack = [(folder, name, _names(folder))]
    while stack:
        folder, name, names = stack[-1]
        try:
            entry = next(names, None)
        except PermissionError:
            yield ImageFile(name or folder, folder, "this folder may not be read (permission denied)")
            entry = None
        except OSError:  # it vanished
            entry = None
        if entry is None:
            stack.pop()
            continue
        path, entry_name = os.path.join(folder, entry), f"{name}/{entry}" if name else entry
        if kind := litter_kind(entry):
            litter[kind] += 1
            continue
        if entry.endswith("/"):
            below = path.rstrip("/")
            if _to_walk(below, walked, left_out):
                stack.append((below, entry_name.rstrip("/"), _names(below)))
        elif os.path.splitext(entry)[1].lower() in IMAGE_EXTENSIONS or sniff_image(path):
            yield ImageFile(entry_name, path)


def _names(folder: str) -> Iterator[str]:
    """The names in a folder in sorted order, those of folders with a "/" at the end."""
    after = ""
    while True:
        with os.scandir(folder) as entries:
            chosen = _next_names(entries, after)
        for name, kind in (text.rsplit("\0", 1) for text in chosen):
            is_folder = kind == "d" or (kind == "l" and os.path.isdir(os.path.join(folder, name)))
            yield name + "/" * is_folder
        if len(chosen) < HELD:
            return
        after = chosen[-1].rsplit("\0", 1)[0]


def _next_names(entries: Iterable[os.DirEntry], after: str) -> list[str]:
    """The next `HELD` names in sorted order, each with its kind behind a zero, which no name holds.

    What is to be asked of the disk (where a link leads) is asked later, and of few.
    """
    chosen: list[str] = []
    bound = None
    for entry in entries:
        name = entry.name
        if name > after and (bound is None or name < bound):
            kind = "l" if entry.is_symlink() else "d" if entry.is_dir(follow_symlinks=False) else "f"
            chosen.append(f"{name}\0{kind}")
            if len(chosen) >= 2 * HELD:
                chosen = sorted(chosen)[:HELD]
                bound = chosen[-1].rsplit("\0", 1)[0]
    return sorted(chosen)[:HELD]


def _to_walk(folder: str, walked: list[str], left_out: set[str]) -> bool:
    """Whether to go down into a folder; a linked one is added to `walked`."""
    real = os.path.realpath(folder)
    if real in left_out:
        return False
    if os.path.islink(folder):
        if any(real == other or _inside(real, other) for other in walked):
            return False
        walked.append(real)
    return True


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _as_name(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/")
