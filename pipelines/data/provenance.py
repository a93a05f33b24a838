"""Which data a model learned from: what its metadata keeps of it, and whether a data set is that one."""

import hashlib
import json
from collections.abc import Mapping

from pipelines.data.examples import DataSet, QuestionExample


def data_facts(dataset: DataSet) -> dict:
    """What the metadata of a model says of the data set that it was trained on.

    Returns:
        `name` of the layout, examples of each of the `splits`, `licence`, and `train_digest`, which no other training
        split has: a layout and its sizes are those of many data sets.
    """
    train = _train_digest(dataset)
    return {"name": dataset.name, "splits": dataset.splits(), "licence": dataset.licence, "train_digest": train}


def is_trained_on(metadata: Mapping, dataset: DataSet) -> bool:
    """Whether a data set has the training split that a model learned from.

    Where the images lie does not matter, nor what the other splits hold. A model without a digest (those of before it
    was kept, and installed ones) is taken to have learned from a data set of the same layout that has as many examples
    in each split that the metadata names; it may have more splits, such as one that was held back.

    Args:
        metadata: of the model.
        dataset: what may be that data.
    """
    known, splits = metadata.get("data_set"), dataset.splits()
    if not isinstance(known, dict) or "train" not in splits:
        return False
    if "train_digest" in known:
        return known["train_digest"] == _train_digest(dataset)
    counts = known.get("splits")
    if not isinstance(counts, dict) or "train" not in counts or known.get("name") != dataset.name:
        return False
    return all(splits.get(split) == count for split, count in counts.items())


def annotations_of(example) -> list:
    """The annotations of an image: its captions, or a question with its answers."""
    if isinstance(example, QuestionExample):
        return [example.question, list(example.answers)]
    return [list(example.captions)]


def _train_digest(dataset: DataSet) -> str:
    """A hash of the annotations of the training split, image by image."""
    digest = hashlib.sha256()
    for example in dataset.split("train"):
        digest.update(json.dumps(annotations_of(example)).encode() + b"\n")
    return digest.hexdigest()
