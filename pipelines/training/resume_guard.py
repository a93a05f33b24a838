"""What a run was begun with, so that it cannot go on with other data, or another network, by mistake."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from captioner.encoders.base import Encoder
from captioner.encoders.fingerprint import is_fingerprint, same_weights
from captioner.errors import UserError
from captioner.presets.atomic_folder import current_path
from captioner.presets.folder import WEIGHTS, checksum
from captioner.presets.installed import model_folder
from pipelines.data.examples import DataSet
from pipelines.data.provenance import said_of
from pipelines.utils.atomic_files import atomic_write

DATA = "data.json"


def check_same_data(dataset: DataSet, run: Path) -> None:
    """Refuses to go on with other images, captions or splits than those that the run began with.

    The folder may have moved. A run that did not note its data, as those of earlier versions, is let through.

    Raises:
        UserError: the data differs; the message tells in what.
    """
    before = _noted(run)
    if before is None:
        return
    name, splits = before["name"], before["splits"]
    now = _described(dataset)
    if before["digest"] != now["digest"]:
        what = "the same sizes, but other images or captions"
        if (name, splits) != (now["name"], now["splits"]):
            what = f"{name} ({_listed(splits)}) then, {now['name']} ({_listed(now['splits'])}) now"
        raise UserError(
            f"{run} was begun with other data than what is in {dataset.root}: {what}. Give the data that it was begun "
            "with by --data, or another folder with --out."
        )


def check_same_networks(
    run: Path, encoder: Encoder | None, init_from: Path | None, warn: Callable[[str], None]
) -> None:
    """Refuses to go on with another frozen network; of another beginning it is told that it changes nothing any more.

    Raises:
        UserError: the frozen network's weights are not those that the run began with.
    """
    before = _noted(run) or {}
    weights = before.get("encoder")
    if encoder is not None and is_fingerprint(weights) and not same_weights(weights, encoder.weights_fingerprint):
        raise UserError(
            f"{run} was begun with other weights of the frozen network, whose features mean other things. Give the "
            "file that it was begun with by --encoder-weights, or another folder with --out."
        )
    if init_from is not None and before and before.get("init_from") != _checksum(init_from):
        warn(f"{run} did not begin from {init_from} as it is now; it goes on from its own checkpoint.")


def keep_data(dataset: DataSet, run: Path, encoder: Encoder | None = None, init_from: Path | None = None) -> None:
    """Notes which data the run is trained on, through which frozen network, and from which model it began."""
    networks = {"encoder": encoder.weights_fingerprint if encoder else None, "init_from": _checksum(init_from)}
    atomic_write(run / DATA, json.dumps({**_described(dataset), **networks}, indent=2) + "\n")


def _checksum(preset: Path | None) -> str | None:
    return None if preset is None else checksum(current_path(model_folder(preset), WEIGHTS))


def _noted(run: Path) -> dict | None:
    path = run / DATA
    if not path.is_file():
        return None
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        return {"name": before["name"], "splits": before["splits"], "digest": before["digest"], **before}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}). Delete it if you are sure what {run} began with.") from None


def _described(dataset: DataSet) -> dict:
    digest = hashlib.sha256()
    for example in dataset.examples:
        line = json.dumps([example.id, example.split, *said_of(example)])
        digest.update(line.encode() + b"\n")
    return {"name": dataset.name, "splits": dataset.splits(), "digest": digest.hexdigest()}


def _listed(splits) -> str:
    return ", ".join(f"{count} {split}" for split, count in splits.items()) if isinstance(splits, dict) else "?"
