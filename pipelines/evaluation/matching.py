"""Which image of the references a caption is of, where two files name their images in two ways.

Names mean the same image where they are equal; where they are other whole names of it (the id and the file name in
COCO's files); and where one is a suffix of the other, folder by folder:

    /home/me/data/a/1.jpg       a/1.jpg         the same
    1.jpg                       a/1.jpg         the same, unless there is a b/1.jpg as well: then it is refused
    c/1.jpg                     a/1.jpg         another image
"""

import unicodedata
from collections.abc import Mapping, Sequence

from captioner.errors import UserError
from pipelines.data.datasets.text import truncate

_MOST_PARTS = 100
MOST = 3  # images that are named where a name could mean several


def match(
    predictions: dict[str, str], references: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The predictions under the names that the references use.

    Args:
        predictions: image -> caption.
        references: image -> references.
        others: other name -> the images that have it.

    Raises:
        UserError: an image has no reference, its name could mean several, or two predictions turn out to be of one
            image.
    """
    names = _Names(references, others)
    matched: dict[str, str] = {}
    for image, caption in predictions.items():
        matches = names.matches(image)
        if len(matches) > 1:
            listed = ", ".join(map(truncate, matches[:MOST])) + (", ..." if len(matches) > MOST else "")
            raise UserError(
                f"The image {truncate(image)} has a caption, but its name could mean {len(matches)} images of the "
                f"references: {listed}. Name it as they do."
            )
        known = next((name for name in matches if name in references), None)
        if known is None:
            raise UserError(
                f"The image {truncate(image)} has a caption but no reference. Both files must name images "
                f"alike; the references name them like {truncate(names.like(image))}."
            )
        if known in matched:
            raise UserError(
                f"Two captions are for the image that the references call {truncate(known)}; one was expected."
            )
        matched[known] = caption
    return matched


class _Names:
    """All names of the images that have references, and the suffixes of these names."""

    def __init__(self, references: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]):
        self._exact = {**others, **{image: (image,) for image in references}}
        self._references = references
        self._by_name: dict[tuple[str, ...], dict[str, None]] = {}  # parts of a name -> the images, in order
        self._by_suffix: dict[tuple[str, ...], dict[str, None]] = {}  # those of its last parts alone
        for name, images in self._exact.items():
            for start, suffix in enumerate(_suffixes(name)):
                (self._by_suffix if start else self._by_name).setdefault(suffix, {}).update(dict.fromkeys(images))

    def matches(self, name: str) -> list[str]:
        """The images that `name` may mean: those whose names have the most in common with it."""
        if name in self._exact:
            return list(self._exact[name])
        suffixes = _suffixes(name)
        if suffixes and suffixes[0] not in self._by_name and suffixes[0] in self._by_suffix:
            return list(self._by_suffix[suffixes[0]])
        return list(next((self._by_name[suffix] for suffix in suffixes if suffix in self._by_name), ()))

    def like(self, name: str) -> str:
        """How the references name an image: one whose file is called alike, if there is one."""
        alike = next((self._by_suffix[suffix] for suffix in _suffixes(name)[-1:] if suffix in self._by_suffix), ())
        return next(iter([*(image for image in alike if image in self._references), *self._references]))


def _suffixes(name: str) -> list[tuple[str, ...]]:
    """The parts of a path, then those without the first, and so on.

    Of a name with more parts than any file has, only the last ones are looked at beside the whole.

    >>> _suffixes("./a/1.jpg")
    [('a', '1.jpg'), ('1.jpg',)]
    """
    name = unicodedata.normalize("NFC", name)  # macOS names a file in two characters where others have one
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    starts = range(max(1, len(parts) - _MOST_PARTS), len(parts))
    return [parts[start:] for start in (0, *starts)] if parts else []
