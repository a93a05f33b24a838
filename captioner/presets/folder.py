"""Reading and writing preset folders.

    config.json         validated settings and kind names; nothing in it is executed
    vocabulary.txt      the words in id order
    answers.txt         the answers in the order of their numbers, of a model that chooses from a list
    model.weights.h5    the weights, except those of a frozen public network
    metadata.json       versions, recipe, data set, scores, checksums (its own too), licence

Loading checks that the files belong together and names the one that does not.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captioner.errors import UserError
from captioner.files import atomic_write, locked_folder, open_regular
from captioner.presets.atomic_folder import current_path, file_version, replace_files
from captioner.presets.installed import CONFIG, METADATA, WEIGHTS, model_folder
from captioner.settings import Settings, unreadable, validate
from captioner.text.answers import AnswerList
from captioner.text.files import checksum
from captioner.text.vocabulary import Vocabulary

VOCABULARY, ANSWERS = "vocabulary.txt", "answers.txt"
CHECKED = (CONFIG, VOCABULARY, WEIGHTS)
FORMAT = 2
# What a model of each kind is for: part of the message where a command needs another kind.
USED_BY = {
    "captioner": "It is a captioning model: use `captioner caption`.",
    "visual_qa": "It answers questions about images: use `captioner ask`.",
    "glimpses": "It classifies images: use `GlimpseModel` in Python; its run's metrics.json has the scores.",
}


@dataclass(frozen=True)
class Preset:
    """The files of a preset after they were checked; the weights are still on disk."""

    folder: Path
    settings: Settings
    vocabulary: Vocabulary
    metadata: dict[str, Any]
    answers: AnswerList | None = None

    @property
    def weights(self) -> Path:
        return current_path(self.folder, WEIGHTS)


def is_preset(folder: Path) -> bool:
    return current_path(Path(folder), CONFIG).is_file()


def kind_of_preset(folder: str | Path) -> str:
    """The kind of model that a preset says it holds, unchecked; "captioner" where it does not say."""
    try:
        return str(json.loads(_read(current_path(model_folder(folder), CONFIG)))["kind"])[:50]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # a UserError is a ValueError
        return "captioner"


def write_preset(
    folder: Path,
    settings: Settings,
    vocabulary: Vocabulary,
    save_weights: Callable[[Path], None],
    metadata: dict[str, Any],
    answers: AnswerList | None = None,
) -> None:
    """Writes a preset. Whatever happens meanwhile, the folder holds the old one or the new one, whole.

    Args:
        folder: made if it does not exist; an older preset in it is replaced.
        settings: with `kind` and `text.tokenizer`.
        save_weights: writes the weights to the path it is given.
        metadata: anything JSON can hold; versions and checksums are added.
        answers: those that the model chooses from, if it does.
    """
    folder = Path(folder)
    config = {"format": FORMAT, **settings.model_dump(mode="json")}
    with replace_files(folder) as new:
        atomic_write(new / CONFIG, json.dumps(config, indent=2) + "\n")
        vocabulary.save(new / VOCABULARY)
        save_weights(new / WEIGHTS)
        if answers is not None:
            answers.save(new / ANSWERS)
        written = CHECKED if answers is None else (*CHECKED, ANSWERS)
        checksums = {name: checksum(new / name) for name in written}
        facts = {**json.loads(json.dumps(metadata)), "checksums": checksums}
        checksums[METADATA] = _own_checksum(facts)
        atomic_write(new / METADATA, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def change_settings(folder: str | Path, settings: Settings) -> None:
    """Replaces the settings of a preset by others that leave its words and weights as they are.

    Raises:
        UserError: it is no preset of this kind of model.
    """
    with locked_folder(model_folder(folder)):  # a training that goes on has newer weights in a moment
        preset = read_preset(Path(folder), kinds={settings.kind: type(settings)})
        facts = {name: value for name, value in preset.metadata.items() if name != "checksums"}
        weights = preset.weights.read_bytes()
        write_preset(
            preset.folder, settings, preset.vocabulary, lambda path: atomic_write(path, weights), facts, preset.answers
        )


def read_preset(folder: str | Path, kinds: dict[str, type[Settings]]) -> Preset:
    """Reads and checks everything but the weights' values.

    Args:
        folder: the preset, or the name of a model that is installed with the package.
        kinds: kind name -> settings class of the models that the caller can use.

    Raises:
        UserError: there is none; a file is missing, damaged or from another preset, or the model is of another kind.
    """
    folder = model_folder(folder)
    while True:
        before = file_version(folder, METADATA)
        try:
            return _read_preset(folder, kinds)
        except UserError:
            if file_version(folder, METADATA) == before:  # else a training has just replaced the preset
                raise


def _read_preset(folder: Path, kinds: dict[str, type[Settings]]) -> Preset:
    if not is_preset(folder):
        raise UserError(f"{folder} is not a model: it has no {CONFIG}. Give the folder that `captioner train` wrote.")
    metadata = _read_metadata(folder / METADATA, current_path(folder, METADATA))
    chooses = ANSWERS in metadata["checksums"]
    for name in (*CHECKED, ANSWERS) if chooses else CHECKED:
        with _as_preset_error(folder / name):
            actual = checksum(current_path(folder, name))
        if actual != metadata["checksums"].get(name):
            raise UserError(
                f"{folder / name} is damaged or belongs to another model: its checksum is not the one in {METADATA}. "
                "Copy the whole folder again, or train again."
            )
    config = _read_json(folder / CONFIG, current_path(folder, CONFIG))
    version = config.pop("format", None)
    if version != FORMAT:
        advice = "Train it again: settings and weights have other names since." if version == 1 else "Update captioner."
        raise UserError(f"{folder / CONFIG} has format {version!r:.50}; this version reads format {FORMAT}. {advice}")
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        needed = " or ".join(map(repr, kinds))
        hint = f" {USED_BY[kind]}" if isinstance(kind, str) and kind in USED_BY else ""
        raise UserError(f"{folder} holds a model of kind {kind!r:.50}, but {needed} is needed here.{hint}")
    settings = validate(kinds[kind], config, source=str(folder / CONFIG))
    try:
        vocabulary = Vocabulary.load(current_path(folder, VOCABULARY), tokenizer=settings.text.tokenizer)
        answers = AnswerList.load(current_path(folder, ANSWERS)) if chooses else None
    except UserError as error:
        raise UserError(f"{folder} cannot be used: {error}") from None
    return Preset(folder, settings, vocabulary, metadata, answers)


def _read_metadata(name: Path, path: Path) -> dict[str, Any]:
    """`metadata.json`, checked as far as others rely on it."""
    metadata = _read_json(name, path)
    checksums = metadata.get("checksums")
    if not isinstance(checksums, dict):
        raise UserError(f"{name} is damaged: it holds no checksums.")
    # Presets of before this checksum was kept have none.
    if METADATA in checksums and checksums[METADATA] != _own_checksum(metadata):
        raise UserError(
            f"{name} is damaged or was changed: its own checksum is not the one in it. Copy the whole folder again, or "
            "train again."
        )
    for entry in ("encoder", "data_set", "scores", "trained"):
        if entry in metadata and not isinstance(metadata[entry], dict):
            raise UserError(f"{name} is damaged: its entry {entry!r} should be an object.")
    return metadata


def _own_checksum(metadata: dict[str, Any]) -> str:
    """SHA-256 of the metadata without this checksum, however it is laid out."""
    others = {name: value for name, value in metadata["checksums"].items() if name != METADATA}
    text = json.dumps({**metadata, "checksums": others}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_json(name: Path, path: Path) -> dict[str, Any]:
    with _as_preset_error(name):
        data = _read(path)
    try:
        values = json.loads(data)  # which knows byte order marks
    except (ValueError, RecursionError) as error:  # no text, no JSON, a number of thousands of digits, nested too deep
        raise UserError(f"{name} is damaged: {error}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{name} is damaged: it does not hold an object.")
    if problem := unreadable(values):
        raise UserError(f"{name} is damaged: {problem}")
    return values


def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


@contextlib.contextmanager
def _as_preset_error(name: Path) -> Iterator[None]:
    """Says what is wrong with a file of a preset that cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{name} is missing; the model cannot be used without it.") from None
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}.") from None
