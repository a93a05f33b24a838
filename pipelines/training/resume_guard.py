"""What a run was begun with, so that it cannot go on with other data, or another network, by mistake."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captioner.encoders.base import Encoder
from captioner.encoders.fingerprint import is_fingerprint, same_weights
from captioner.errors import UserError
from captioner.files import atomic_write
from captioner.presets.atomic_folder import current_path
from captioner.presets.folder import WEIGHTS
from captioner.presets.installed import model_folder
from captioner.text.files import checksum, read_text
from pipelines.data.examples import DataSet
from pipelines.data.provenance import annotations_of

DATA = "data.json"


@dataclass(frozen=True)
class DataIdentity:
    """What tells the data of a run from other data.

    origin: where the data is now, for messages.
    digest: a hash of all that is learned from or that chooses the best epoch.
    name, splits: the data's name, and how many examples each split has, so that a message can say what differs.
    key: the name of the digest in the file.
    file: of the run that it is kept in. One that is no JSON holds the digest alone.
    """

    origin: str
    digest: str
    name: str = ""
    splits: Mapping[str, int] = field(default_factory=dict)
    key: str = "digest"
    file: str = DATA

    @classmethod
    def of(cls, dataset: DataSet) -> "DataIdentity":
        """That of captions or questions, wherever their folder is."""
        digest = hashlib.sha256()
        for example in dataset.examples:
            line = json.dumps([example.id, example.split, *annotations_of(example)])
            digest.update(line.encode() + b"\n")
        return cls(str(dataset.root), digest.hexdigest(), dataset.name, dataset.splits())

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "splits": self.splits, self.key: self.digest}


def check_same_data(identity: DataIdentity | None, run: Path) -> None:
    """Refuses to go on with other data than those that the run began with.

    A folder of data may have moved. A run that has kept nothing of its data is let through.

    Raises:
        UserError: the data differs; the message says how.
    """
    before = _kept(run, identity) if identity else None
    if before is None or before["digest"] == identity.digest:
        return
    what = "the sizes are the same, but not the contents"
    if (before["name"], before["splits"]) != (identity.name, identity.splits):
        what = f"{before['name']} ({_listed(before['splits'])}) then, {identity.name} ({_listed(identity.splits)}) now"
    raise UserError(
        f"{run} was begun with other data than {identity.origin} as it is now: {what}. Give the data that it was begun "
        "with by --data, or another folder with --out."
    )


def check_same_networks(
    run: Path, encoder: Encoder | None, init_from: Path | None, warn: Callable[[str], None]
) -> None:
    """Refuses to go on with another frozen network, and warns that another preset to begin with changes nothing.

    Raises:
        UserError: the frozen network's weights are not those that the run began with.
    """
    before = (_read(run / DATA) or {}) if encoder or init_from else {}
    weights = before.get("encoder")
    if encoder is not None and is_fingerprint(weights) and not same_weights(weights, encoder.weights_fingerprint):
        raise UserError(
            f"{run} was begun with other weights of the frozen network, whose features mean other things. Give the "
            "file that it was begun with by --encoder-weights, or another folder with --out."
        )
    if init_from is not None and before and before.get("init_from") != _checksum(init_from):
        warn(f"{run} did not begin from {init_from} as it is now; it goes on from its own checkpoint.")


def keep_data(
    identity: DataIdentity | None, run: Path, encoder: Encoder | None = None, init_from: Path | None = None
) -> None:
    """Writes down which data the run is trained on, through which frozen network, and from which model it began."""
    if identity is None:
        return
    if not identity.file.endswith(".json"):
        atomic_write(run / identity.file, identity.digest + "\n")
        return
    networks = {"encoder": encoder.weights_fingerprint, "init_from": _checksum(init_from)} if encoder else {}
    atomic_write(run / identity.file, json.dumps({**identity.as_dict(), **networks}, indent=2) + "\n")


def _checksum(preset: Path | None) -> str | None:
    return None if preset is None else checksum(current_path(model_folder(preset), WEIGHTS))


def _kept(run: Path, identity: DataIdentity) -> dict[str, Any] | None:
    """Name, splits and digest of the data that a run began with; None where it has kept nothing."""
    path = run / identity.file
    if not identity.file.endswith(".json"):
        return {"name": "", "splits": {}, "digest": read_text(path).strip()} if path.is_file() else None
    before = _read(path)
    if before is None:
        return None
    missing = {"name", "splits", identity.key} - before.keys()
    if missing:
        raise _damaged(path, f"no {', '.join(sorted(missing))}")
    return {"name": before["name"], "splits": before["splits"], "digest": before[identity.key]}


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        return dict(json.loads(read_text(path)))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, what: object) -> UserError:
    return UserError(f"{path} is damaged ({what}). Delete it if you are sure what {path.parent} began with.")


def _listed(splits) -> str:
    return ", ".join(f"{count} {split}" for split, count in splits.items()) if isinstance(splits, dict) else "?"
