"""Captions beside their images: `photo.txt` with the sentence, or `photo.xmp` with it as alternative text.

A file that exists already and does not hold the same caption is kept, and listed: somebody may have corrected it. It
is replaced where an image changed, if it still holds what was written from the earlier caption. Nothing is written
outside of the folders that were given, such as beside an image that a linked folder leads to.
If several images share a name but for its ending, their sidecars keep the ending: `photo.jpg.txt`, `photo.png.txt`. An
unsure caption gets none: readers trust what stands beside an image.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from captioner.files import FileThere, as_user_error, atomic_write, flush_folder, remove_leftovers
from captioner.images.formats import decodable_extensions

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="captioner">
  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about=""
        xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/">
      <Iptc4xmpCore:AltTextAccessibility>
        <rdf:Alt><rdf:li xml:lang="x-default">{caption}</rdf:li></rdf:Alt>
      </Iptc4xmpCore:AltTextAccessibility>
      <dc:description>
        <rdf:Alt><rdf:li xml:lang="x-default">{caption}</rdf:li></rdf:Alt>
      </dc:description>
    </rdf:Description>
  </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def txt_content(caption: str) -> str:
    return caption + "\n"


def xmp_content(caption: str) -> str:
    """An XMP packet (ISO 16684-1) with the caption as IPTC's alternative text and as description."""
    # XML 1.0 knows no other control characters, and no halves of characters.
    text = "".join(letter for letter in caption if letter in "\t\n\r" or (letter >= " " and not _is_no_xml(letter)))
    return _XMP.format(caption=escape(text))


def _is_no_xml(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff" or letter in "\ufffe\uffff"


CONTENTS: dict[str, Callable[[str], str]] = {"txt": txt_content, "xmp": xmp_content}


class Sidecars:
    """Writes the files beside images.

    Args:
        kinds: some of `CONTENTS`.
        paths: the images and folders that were given.

    Attributes:
        left_alone: files that were not written, each with the reason.
    """

    def __init__(self, kinds: tuple[str, ...], paths: Sequence[str | Path]):
        self.kinds = kinds
        self.left_alone: dict[Path, str] = {}
        self._given = {os.path.normpath(path) for path in paths}
        self._folders = [os.path.realpath(path) for path in paths if os.path.isdir(path)]
        self._is_given: dict[str, bool] = {}  # of folders; a plain dictionary, which workers of a cluster can be sent

    def write(self, record: dict, image: str) -> None:
        """Writes what belongs beside an image, unless it is there.

        Args:
            record: a line of the journal.
            image: the image's path.

        Raises:
            UserError: a file cannot be written.
        """
        if "caption" not in record or record.get("unsure") or not _is_there(image):
            return
        for kind in self.kinds:
            path, data = sidecar_path(image, kind), _data(kind, record)
            if len(os.fsencode(path.name)) > 255:  # no disk takes that
                self.left_alone[path] = "its name is too long"
            elif not self._may_write(image):
                self.left_alone[path] = "a link leads there, out of the folder that was given"
            elif not _holds(path, data):
                try:
                    atomic_write(path, data, replace=False)
                except FileThere:
                    self.left_alone[path] = "another file is there"

    def remove(self, record: dict, image: str) -> None:
        """Removes what was written from a record that is no longer true."""
        if "caption" not in record or not _is_there(image):
            return
        for kind in self.kinds:
            path = sidecar_path(image, kind)
            if self._may_write(image) and _holds(path, _data(kind, record)):
                with as_user_error(path):
                    path.unlink()
                flush_folder(path.parent)

    def _may_write(self, image: str) -> bool:
        return os.path.normpath(image) in self._given or self._in_given_folder(os.path.dirname(image))

    def _in_given_folder(self, folder: str) -> bool:
        if folder not in self._is_given:
            if len(self._is_given) >= 1000:
                self._is_given.clear()
            self._is_given[folder] = self._is_in_given_folder(folder)
        return self._is_given[folder]

    def _is_in_given_folder(self, folder: str) -> bool:
        """Called once for each folder, which is tidied up if it is one of ours."""
        real = os.path.realpath(folder)
        inside = any(real == given or real.startswith(given.rstrip(os.sep) + os.sep) for given in self._folders)
        if inside:
            remove_leftovers(Path(folder))
        return inside


def _is_there(image: str) -> bool:
    """Whether it is an image or a clip: a journal may hold names that somebody made up."""
    return os.path.basename(image) not in ("", ".", "..") and os.path.exists(image)


def _holds(path: Path, data: bytes) -> bool:
    """Whether a file, which may be of any size, holds just this."""
    with as_user_error(path):
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _data(kind: str, record: dict) -> bytes:
    return CONTENTS[kind](record["caption"]).encode("utf-8", "backslashreplace")


def sidecar_path(image: str, kind: str) -> Path:
    """Where the sidecar of an image is.

    >>> sidecar_path("nowhere/photo.jpg", "txt").as_posix()
    'nowhere/photo.txt'
    """
    stem, ending = os.path.splitext(image)
    same = ending.lower() == f".{kind}" or any(
        other != ending and os.path.isfile(stem + other)
        for known in ("", *decodable_extensions())
        for other in {known, known.upper()}
    )
    return Path(f"{image if same else stem}.{kind}")
