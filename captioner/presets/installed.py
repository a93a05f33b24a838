"""Models that are installed with the package: folders in `models/`, each a preset with a card that tells what it is."""

import functools
import logging
import os
from pathlib import Path

from captioner.errors import UserError, nearest
from captioner.presets.atomic_folder import current_path
from captioner.presets.remote import downloaded_preset
from captioner.remote import is_remote

MODELS = Path(__file__).with_name("models")
CARD, CONFIG, METADATA, WEIGHTS = "MODEL_CARD.md", "config.json", "metadata.json", "model.weights.h5"

# The installed model that is used where none is named, of each kind of model.
DEFAULT_MODELS = {"captioner": "photos", "visual_qa": "photos-vqa"}


def installed_models() -> list[str]:
    """The names of the models that are installed."""
    return sorted(path.parent.name for path in MODELS.glob(f"*/{CONFIG}"))


def default_model(kind: str) -> str:
    """The installed model of a kind that is used where none is named.

    Raises:
        UserError: none is installed.
    """
    name = DEFAULT_MODELS.get(kind, "")
    if name not in installed_models():
        raise UserError("No model of this kind is installed. Say which is used, with --model FOLDER.")
    return name


def model_folder(name: str | Path) -> Path:
    """The folder of a model: that of this path if it is there, else that of the installed model of this name.

    A preset at s3:// is downloaded once, into the user's cache.

    A folder that is no preset does not hide an installed model: data of that name may lie about. One that does is
    reported, once.

    Raises:
        UserError: there is neither.
    """
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"A model is named by its folder, or by the name of an installed one; received {name!r:.60}.")
    if is_remote(name):
        return downloaded_preset(name)
    path = Path(name)
    known = installed_models()
    if str(name) in known:
        if not all(current_path(path, file).is_file() for file in (CONFIG, METADATA, WEIGHTS)):
            return MODELS / str(name)
        _report_hidden(path.absolute())
        return path
    if path.exists():
        return path
    # What looks like a path was meant as one.
    hint = nearest(str(name), known) if len(path.parts) == 1 else ""
    raise UserError(
        f"{name} is not a model: there is no such folder.{hint} Give the folder that `captioner train` wrote, or the "
        f"name of an installed model: {', '.join(known) or 'there are none here'}."
    )


@functools.cache
def _report_hidden(folder: Path) -> None:
    # Without a handler of the user's, a warning of `logging` is a line on standard error.
    logging.getLogger(__name__).warning(
        "The model is the folder %s, not the installed model %s. Rename the folder to use that one.",
        folder,
        folder.name,
    )


def model_summary(name: str) -> str:
    """What an installed model is: the first paragraph of its card."""
    try:
        text = (MODELS / name / CARD).read_text(encoding="utf-8")
    except OSError:
        return ""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return next((part for part in paragraphs if part and not part.startswith("#")), "")
