"""VizWiz-Captions: 39,181 photographs that blind people took, with five captions each (Gurari et al., 2020).

`annotations/train.json`, `val.json` and `test.json` have COCO's form. A caption may be rejected (`is_rejected`) or
canned (`is_precanned`: "Quality issues are too severe to recognize visual content."); the official evaluation leaves
both out, and so they are here, counted. The captions of the test split are withheld.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets import coco
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.finder import existing_folders
from pipelines.data.datasets.text import read_head, read_json
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import DataSet, canonical_split

EXPECTS = "annotations/train.json, val.json of VizWiz-Captions; images (VizWiz_train_00000000.jpg) in train/, val/"
LICENCE = "VizWiz: CC BY 4.0; photographs that blind people took"
SPLITS = ("test", "val", "train")  # an image in several stays in the one that is scored on
IMAGE_FOLDERS = (*SPLITS, *(f"images/{split}" for split in SPLITS), "images", ".")
_EXCLUDED = {"is_rejected": "rejected", "is_precanned": "canned"}


def recognise(root: Path) -> bool:
    """Whether there are annotations of VizWiz with captions."""
    return any(_has_captions(path) for _, path in find_files(root))


def read(root: Path) -> DataSet:
    """Reads VizWiz-Captions from `root`.

    Raises:
        UserError: a file is not JSON or has not this form, or none of the images is there.
    """
    files = [(split, path) for split, path in find_files(root) if not starts(path, "[")]  # those are questions
    if not files:
        raise UserError(f"There is no train.json, val.json or test.json of VizWiz in {root} or {root / 'annotations'}.")
    builder = DatasetBuilder("vizwiz", root, IMAGE_FOLDERS)
    excluded: Counter[str] = Counter()
    without = 0
    for split, path in files:
        content = read_json(path)
        if isinstance(content, dict) and "annotations" not in content and isinstance(content.get("images"), list):
            count = f"{len(content['images']):,}"
            builder.notes.append(f"The captions of {path.name} are withheld: its images are not used ({count}).")
        else:
            without += coco.add_content(builder, path, content, canonical_split(split), excluded, _reason)
    if excluded:
        listed = " and ".join(f"{count:,} {reason}" for reason, count in sorted(excluded.items()))
        text = f"Captions that are left out, as by the official evaluation: {listed}"
        builder.notes.append(f"{text}; images that have no others: {without:,}." if without else f"{text}.")
    return builder.finish(LICENCE)


def find_files(root: Path, folders: Sequence[str] = ("annotations", ".")) -> list[tuple[str, Path]]:
    """The files of the splits, test first: of the first folder that has some that are VizWiz's."""
    for folder in existing_folders(root, folders):
        paths = [(split, root / folder / f"{split}.json") for split in SPLITS]
        paths = [(split, path) for split, path in paths if path.is_file()]
        if any("vizwiz" in read_head(path).lower() for _, path in paths):
            return paths
    return []


def starts(path: Path, mark: str) -> bool:
    """Whether a file of JSON begins with a mark."""
    return read_head(path).lstrip().startswith(mark)


def _has_captions(path: Path) -> bool:
    return starts(path, "{") and '"images"' in read_head(path)


def _reason(row: dict) -> str:
    """Why a caption is left out; empty where it is not."""
    return next((reason for key, reason in _EXCLUDED.items() if value_text(row.get(key)) in ("true", "1")), "")
