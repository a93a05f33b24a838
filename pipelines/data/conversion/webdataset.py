"""WebDataset: `train-000000.tar` with `k.jpg` and `k.json` for each image."""

import io
import json
import tarfile
from pathlib import Path

from captioner.files import atomic_file
from pipelines.data.conversion.content import Content, ImageItem, ImageReader, Names, question_fields

IMAGES = 2_000  # of a shard


def write(folder: Path, content: Content, images: ImageReader) -> None:
    """Writes the shards of all splits. The same data set gives the same bytes."""
    for split, name in content.folders().items():
        names, items = Names(), content.splits[split]
        for shard, start in enumerate(range(0, len(items), IMAGES)):
            with (
                atomic_file(folder / f"{name}-{shard:06d}.tar") as file,
                tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
            ):
                for item, stem, ending, data in images.read(items[start : start + IMAGES]):
                    # A key ends at the first point of a name.
                    parent, slash, base = stem.rpartition("/")
                    key = names.unique(f"{parent}{slash}{base.replace('.', '_')}")
                    fields = _fields(item, content)
                    if key != stem:
                        fields["file_name"] = stem + ending
                    _add(tar, key + ending, data)
                    _add(tar, f"{key}.json", json.dumps(fields, ensure_ascii=False).encode())


def _fields(item: ImageItem, content: Content) -> dict:
    fields: dict = {} if item.own_id is None else {"image_id": item.own_id}
    if content.names_splits:
        fields["split"] = item.split
    if content.questions:
        return {**fields, "questions": [question_fields(example) for example in item.examples]}
    return {**fields, **content.caption_fields(item)}


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
