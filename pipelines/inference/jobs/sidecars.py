"""Captions beside their images: `photo.txt` with the sentence, or `photo.xmp` with it as alternative text.

A file that exists already and was not written from the same caption is kept, and listed.
If several images share a name but for its ending, their sidecars keep the ending: `photo.jpg.txt`, `photo.png.txt`. An
unsure caption gets none: readers trust what stands beside an image.
"""

import os
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from captioner.images.formats import decodable_extensions
from pipelines.utils.atomic_files import as_user_error, atomic_write

_TOOLKIT = 'x:xmptk="captioner"'  # what an XMP file of ours is known by
_XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" {_TOOLKIT}>
  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about=""
        xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/">
      <Iptc4xmpCore:AltTextAccessibility>
        <rdf:Alt><rdf:li xml:lang="x-default">{{caption}}</rdf:li></rdf:Alt>
      </Iptc4xmpCore:AltTextAccessibility>
      <dc:description>
        <rdf:Alt><rdf:li xml:lang="x-default">{{caption}}</rdf:li></rdf:Alt>
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

    Attributes:
        left_alone: files that were not written because another file is there, or because their name is too long.
    """

    def __init__(self, kinds: tuple[str, ...]):
        self.kinds = kinds
        self.left_alone: list[Path] = []

    def write(self, record: dict, image: str) -> None:
        """Writes what belongs beside an image, unless it is there.

        Args:
            record: a line of the journal.
            image: the image's path.

        Raises:
            UserError: a file cannot be written.
        """
        if "caption" not in record or record.get("unsure"):
            return
        for kind in self.kinds:
            path, data = sidecar_path(image, kind), _data(kind, record)
            if len(os.fsencode(path.name)) > 255:  # no disk takes that
                self.left_alone.append(path)
                continue
            with as_user_error(path):
                there = path.read_bytes() if path.is_file() else None
                taken = there is None and os.path.lexists(path)
            if there == data:
                continue
            if taken or (there is not None and not (kind == "xmp" and _TOOLKIT.encode() in there[:2000])):
                self.left_alone.append(path)
            else:
                atomic_write(path, data)

    def remove(self, record: dict, image: str) -> None:
        """Removes what was written from a record that is no longer true."""
        if "caption" not in record:
            return
        for kind in self.kinds:
            path = sidecar_path(image, kind)
            with as_user_error(path):
                if path.is_file() and path.read_bytes() == _data(kind, record):
                    path.unlink()


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
