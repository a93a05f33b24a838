"""Reading and writing preset folders.

    config.json         validated settings and kind names; nothing in it is executed
    vocabulary.txt      the words in id order
    model.weights.h5    the weights, except those of a frozen public network
    metadata.json       versions, recipe, data set, scores, checksums, licence

Loading checks that the files belong together and names the one that does not.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captioner.errors import UserError
from captioner.settings import Settings, validate
from captioner.text.vocabulary import Vocabulary

CONFIG, VOCABULARY, WEIGHTS, METADATA = "config.json", "vocabulary.txt", "model.weights.h5", "metadata.json"
CHECKED = (CONFIG, VOCABULARY, WEIGHTS)
FORMAT = 1


@dataclass(frozen=True)
class Preset:
    """The files of a preset after they were checked; the weights are still on disk."""

    folder: Path
    settings: Settings
    vocabulary: Vocabulary
    metadata: dict[str, Any]

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS


def is_preset(folder: Path) -> bool:
    return (Path(folder) / CONFIG).is_file()


def write_preset(
    folder: Path,
    settings: Settings,
    vocabulary: Vocabulary,
    save_weights: Callable[[Path], None],
    metadata: dict[str, Any],
) -> None:
    """Writes a preset. Each file is put in place whole, and the checksums last.

    Args:
        folder: made if it does not exist; an older preset in it is replaced.
        settings: with `kind` and `text.tokeniser`.
        save_weights: writes the weights to the path it is given.
        metadata: anything JSON can hold; versions and checksums are added.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {"format": FORMAT, **settings.model_dump(mode="json")}
    with _put_in_place(folder / CONFIG) as path:
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    with _put_in_place(folder / VOCABULARY) as path:
        vocabulary.save(path)
    with _put_in_place(folder / WEIGHTS, suffix=".new.weights.h5") as path:
        save_weights(path)
    checksums = {name: checksum(folder / name) for name in CHECKED}
    with _put_in_place(folder / METADATA) as path:
        text = json.dumps({**metadata, "checksums": checksums}, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def read_preset(folder: Path, kinds: dict[str, type[Settings]]) -> Preset:
    """Reads and checks everything but the weights' values.

    Args:
        folder: the preset.
        kinds: kind name -> settings class of the models that the caller can use.

    Raises:
        UserError: a file is missing, damaged or from another preset, or the model is of another kind.
    """
    folder = Path(folder)
    if not is_preset(folder):
        raise UserError(f"{folder} is not a model: it has no {CONFIG}. Give the folder that `captioner train` wrote.")
    metadata = _read_json(folder / METADATA)
    checksums = metadata.get("checksums")
    if not isinstance(checksums, dict):
        raise UserError(f"{folder / METADATA} is damaged: it holds no checksums.")
    for name in CHECKED:
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing; the model cannot be used without it.")
        if checksum(folder / name) != checksums.get(name):
            raise UserError(
                f"{folder / name} is damaged or belongs to another model: its checksum is not the one in {METADATA}. "
                "Copy the whole folder again, or train again."
            )
    config = _read_json(folder / CONFIG)
    if config.pop("format", None) != FORMAT:
        raise UserError(f"{folder / CONFIG} has a format that this version of captioner does not know.")
    kind = config.get("kind")
    if kind not in kinds:
        raise UserError(f"{folder} holds a model of kind {kind!r}, but {' or '.join(map(repr, kinds))} is needed here.")
    settings = validate(kinds[kind], config, source=str(folder / CONFIG))
    try:
        vocabulary = Vocabulary.load(folder / VOCABULARY, tokeniser=settings.text.tokeniser)
    except UserError as error:
        raise UserError(f"{folder} cannot be used: {error}") from None
    return Preset(folder, settings, vocabulary, metadata)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; the model cannot be used without it.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged: {error}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged: it does not hold an object.")
    return values


class _put_in_place:
    """Gives a path to write to, and moves what was written to its place at the end, or removes it after an error."""

    def __init__(self, path: Path, suffix: str = ".new"):
        self.path = path
        self.written = path.with_name(path.name + suffix)

    def __enter__(self) -> Path:
        return self.written

    def __exit__(self, kind, *_):
        if kind is None:
            with open(self.written, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.written, self.path)
        else:
            self.written.unlink(missing_ok=True)
