"""WebDataset: tar files that hold `k.jpg` and, beside it, captions in `k.json`, `k.txt` or `k.caption`.

So write img2dataset, `webdataset` and `tar` of a folder. `k.json` is an object with `caption`, `captions`, `caption_0`
... or `text`, and may name a `split` and an `image_id`; where it has no captions, each line of `k.txt` is one. Splits
are those of the objects, or of the names of shards or their folders (`train-000000.tar`, `val/0.tar`, in any case);
where nothing says them, the images are split by a hash of names. A shard that ends early is used as far as it goes.

    tar ──one pass over the heads──▶ where each image lies, and the texts ──▶ examples    (images are read when needed)
"""

import itertools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from captioner.errors import UserError
from captioner.images.files import litter_kind, litter_line
from captioner.images.formats import decodable_extensions
from captioner.text.files import decode_text
from pipelines.data.datasets.archives import ArchivedImages, Shards
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.finder import leads_out
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.rows import SHARE, named_split, with_lowered
from pipelines.data.datasets.table import add_captions, caption_columns
from pipelines.data.datasets.tar_files import TEXT_BYTES, TarImage, TarMember, stamp_of, tar_members
from pipelines.data.datasets.text import parse_json, text_lines, truncate
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location

EXPECTS = "tar files with k.jpg and k.json, k.txt or k.caption; their names may say the split (train-000000.tar)"
ENDINGS = (".tar",)
_JSON, _TEXTS = ".json", (".txt", ".caption")
_LOOKED_AT = 64  # members of a shard, to find out what it holds


@dataclass
class Sample:
    """What belongs to one key of a shard.

    Attributes:
        image: where it is.
        location: for messages.
        fields: of `k.json`, keys in lower case; empty where there is none.
        lines: of `k.txt` or `k.caption`, those that are not blank.
    """

    image: TarImage
    location: Location
    fields: dict = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @property
    def id(self) -> object:
        """The data set's own id of the image."""
        return as_id(self.fields.get("image_id"))


def recognise(root: Path) -> bool:
    """Whether there are tar files, and in the first that can be read captions beside an image; True if none can."""
    return holds(root, lambda sample: bool(caption_columns(sample.fields)) or bool(sample.lines))


def read(root: Path) -> DataSet:
    """Reads the captions in the tar files of the folder `root`, or in the one file `root`.

    Raises:
        UserError: there is no image with a caption.
    """
    shards = Shards(root, ENDINGS)
    images = ArchivedImages(shards.root, f"{len(shards.paths):,} tar files")
    builder = DatasetBuilder("webdataset", shards.root, images)
    read_shards(builder, shards, _add)
    return builder.finish(licence_of(shards.root))


def holds(root: Path, fits) -> bool:
    """Whether the first tar file that can be read has a sample, among its first, that fits."""
    paths = Shards(root, ENDINGS).paths
    for path in paths:
        builder = DatasetBuilder("webdataset", path.parent, ArchivedImages(path.parent, ""))
        try:
            members = list(itertools.islice(tar_members(path, _is_text), _LOOKED_AT))
        except UserError:
            members = _whole(path)
        if members:
            return any(fits(sample) for sample in _samples(builder, path, members, (0, 0)))
    return bool(paths)


def _whole(path: Path) -> list[TarMember]:
    """The members of a short tar that come before what is damaged."""
    members: list[TarMember] = []
    try:
        for member in tar_members(path, _is_text):
            members.append(member)
    except UserError:
        pass
    return members


def read_shards(builder: DatasetBuilder, shards: Shards, add) -> None:
    """Adds the samples of all shards.

    Args:
        builder: its finder is an `ArchivedImages`, which takes the images.
        shards: of the data set.
        add: called with builder, sample, name of its image and split; what it says in return is not used.
    """
    shards.report(builder)
    splits, named = set(), False
    for path in shards.paths:
        of_shard = shards.split_of(path)
        for sample in _read(builder, path):
            split = of_shard
            if "split" in sample.fields:
                named = True
                split = named_split(builder, sample.image.member, sample.fields["split"], sample.location)
                if split is None:
                    continue
            splits.add(split)
            name = builder.finder.add(sample.image)
            if name is None:
                builder.problem(sample.location, "an image of this name is there already; left out")
            else:
                add(builder, sample, name, split)
    builder.notes += filter(None, [litter_line(shards.litter, "archives")])
    if not named:
        builder.use_folders(splits, SHARE, "shards of")


def _add(builder: DatasetBuilder, sample: Sample, name: str, split: str | None) -> None:
    """Adds the captions of a sample."""
    source_id = sample.image.file_name if sample.id is None else sample.id
    columns = caption_columns(sample.fields)
    if columns:
        fields = {column: sample.fields[column] for column in columns}
        add_captions(builder, name, fields, sample.location, split, source_id)
    elif sample.lines:
        for caption in sample.lines:
            builder.add(name, caption, sample.location, split=split, source_id=source_id)
    else:
        builder.problem(sample.location, "there is no caption beside this image; left out")


def _read(builder: DatasetBuilder, path: Path) -> Iterator[Sample]:
    """The samples of a shard; what is wrong with it is reported, and what comes before damage is kept."""
    members: list[TarMember] = []
    try:
        stamp = stamp_of(path)
        for member in tar_members(path, _is_text):
            members.append(member)
    except UserError as error:
        builder.problem(Location(path), str(error).removeprefix(f"{path} ").rstrip("."))
        if not members:
            return
    yield from _samples(builder, path, members, stamp)


def _samples(builder: DatasetBuilder, path: Path, members: list[TarMember], stamp: tuple[int, int]) -> Iterator[Sample]:
    """The images of a shard in their order, each with the texts of its key."""
    images, texts = _usable(builder, path, members)
    by_key: dict[str, dict[str, TarMember]] = {}  # both the name without its ending and WebDataset's key
    for name, member in texts.items():
        stem, ending = posixpath.splitext(name)
        for key in dict.fromkeys((stem, _key(name))):
            by_key.setdefault(key, {}).setdefault(ending.lower(), member)
    used: dict[int, str] = {}
    for name, member in images.items():
        location = Location(path, part=name)
        of_key = by_key.get(posixpath.splitext(name)[0]) or by_key.get(_key(name)) or {}
        taken = next((used[text.offset] for text in of_key.values() if text.offset in used), None)
        if taken is not None:
            builder.problem(location, f"what is beside it was read for {truncate(taken)}; left out")
            continue
        used.update((text.offset, name) for text in of_key.values())
        fields = _fields(builder, path, of_key.get(_JSON))
        own = value_text(fields.get("file_name")) or ""
        image = TarImage(path, name, member.offset, member.size, stamp, "" if own == name else own)
        lines = [] if caption_columns(fields) else _lines(builder, path, of_key)
        yield Sample(image, location, fields, lines)
    for name, member in texts.items():
        if member.offset not in used and images:
            builder.problem(Location(path, part=name), "there is no image of this key in the shard; left out")


def _usable(
    builder: DatasetBuilder, path: Path, members: list[TarMember]
) -> tuple[dict[str, TarMember], dict[str, TarMember]]:
    """Images and texts of a shard, by names that lead nowhere; what cannot be used is reported."""
    endings = decodable_extensions()
    images: dict[str, TarMember] = {}
    texts: dict[str, TarMember] = {}
    litter: dict[str, int] = {}
    for member in members:
        name = posixpath.normpath(member.name.strip().replace("\\", "/"))
        location = Location(path, part=name)
        is_image = posixpath.splitext(name)[1].lower() in endings
        kinds = [
            litter_kind(part) for part in (*(f"{folder}/" for folder in name.split("/")[:-1]), name.split("/")[-1])
        ]
        if kind := next(filter(None, kinds), ""):
            litter[kind] = litter.get(kind, 0) + 1
        elif member.kind and (is_image or _is_text(name)):
            builder.problem(location, f"it is {member.kind}, which is not followed; left out")
        elif not (is_image or _is_text(name)):
            continue
        elif posixpath.isabs(name) or leads_out(name):
            builder.problem(location, "its path leads out of the folder; left out")
        elif name in images or name in texts:
            builder.problem(location, "a member of this name is there already; the first is used")
        elif is_image:
            images[name] = member
        elif member.content is None:
            builder.problem(location, f"a text of {member.size:,} bytes is too large, at most {TEXT_BYTES:,} are read")
        else:
            texts[name] = member
    builder.notes += filter(None, [litter_line(litter, f"images in {path.name}")])
    return images, texts


def _fields(builder: DatasetBuilder, path: Path, member: TarMember | None) -> dict:
    """The object in `k.json`."""
    if member is None:
        return {}
    location = Location(path, part=member.name)
    try:
        content = parse_json(decode_text(member.content, "it", "surrogateescape"), "it")
    except UserError as error:
        builder.problem(location, f"{error} Left out")
        return {}
    if isinstance(content, dict):
        return with_lowered(content)
    builder.unexpected(location, "an object {...}", content)
    return {}


def _lines(builder: DatasetBuilder, path: Path, of_key: dict[str, TarMember]) -> list[str]:
    """The lines of the first text beside an image."""
    member = next((of_key[ending] for ending in _TEXTS if ending in of_key), None)
    if member is None:
        return []
    try:
        return [line for _, line in text_lines(decode_text(member.content, "it", "surrogateescape"))]
    except UserError as error:
        builder.problem(Location(path, part=member.name), f"{error} Left out")
        return []


def _key(name: str) -> str:
    """What WebDataset calls the key of a file: its path to the first point in its name."""
    folder, base = posixpath.split(name)
    return posixpath.join(folder, base.split(".")[0])


def _is_text(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in (_JSON, *_TEXTS)
