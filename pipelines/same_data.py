"""Which data a run was trained on, so that it cannot go on with other data by mistake."""

import hashlib
import json
from pathlib import Path

from captioner.errors import UserError
from pipelines.disk import write_whole
from pipelines.examples import DataSet, QuestionExample

DATA = "data.json"


def check_same_data(dataset: DataSet, run: Path) -> None:
    """Refuses to go on with other images, captions or splits than those that the run began with.

    The folder may have moved. A run that did not note its data, as those of earlier versions, is let through.

    Raises:
        UserError: the data differs; the message tells in what.
    """
    path = run / DATA
    if not path.is_file():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        name, splits, digest = before["name"], before["splits"], before["digest"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}). Delete it if {dataset.root} is what {run} began with.") from None
    now = _described(dataset)
    if digest != now["digest"]:
        what = "the same sizes, but other images or captions"
        if (name, splits) != (now["name"], now["splits"]):
            what = f"{name} ({_listed(splits)}) then, {now['name']} ({_listed(now['splits'])}) now"
        raise UserError(
            f"{run} was begun with other data than what is in {dataset.root}: {what}. Give the data that it was begun "
            "with by --data, or another folder with --out."
        )


def keep_data(dataset: DataSet, run: Path) -> None:
    """Notes which data the run is trained on."""
    write_whole(run / DATA, json.dumps(_described(dataset), indent=2) + "\n")


def _described(dataset: DataSet) -> dict:
    digest = hashlib.sha256()
    for example in dataset.examples:
        line = json.dumps([example.id, example.split, *_said(example)])
        digest.update(line.encode() + b"\n")
    return {"name": dataset.name, "splits": dataset.splits(), "digest": digest.hexdigest()}


def _said(example) -> list:
    """What is learned about an image: its captions, or a question with its answers."""
    if isinstance(example, QuestionExample):
        return [example.question, list(example.answers)]
    return [list(example.captions)]


def _listed(splits) -> str:
    return ", ".join(f"{count} {split}" for split, count in splits.items()) if isinstance(splits, dict) else "?"
