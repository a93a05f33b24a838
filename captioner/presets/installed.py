"""Models that are installed with the package: folders in `models/`, each a preset with a card that tells what it is."""

from pathlib import Path

from captioner.errors import UserError, nearest
from captioner.presets.atomic_folder import current_path

MODELS = Path(__file__).with_name("models")
CARD, CONFIG = "MODEL_CARD.md", "config.json"


def installed_models() -> list[str]:
    """The names of the models that are installed."""
    return sorted(path.parent.name for path in MODELS.glob(f"*/{CONFIG}"))


def model_folder(name: str | Path) -> Path:
    """The folder of a model: that of this path if it is there, else that of the installed model of this name.

    A folder that is no preset does not hide an installed model: data of that name may lie about.

    Raises:
        UserError: there is neither.
    """
    path = Path(name)
    known = installed_models()
    if str(name) in known and not current_path(path, CONFIG).is_file():
        return MODELS / str(name)
    if path.exists():
        return path
    # What looks like a path was meant as one.
    hint = nearest(str(name), known) if len(path.parts) == 1 else ""
    raise UserError(
        f"{name} is not a model: there is no such folder. Give the folder that `captioner train` wrote, or the name of "
        f"an installed model: {', '.join(known) or 'there are none here'}.{hint}"
    )


def model_summary(name: str) -> str:
    """What an installed model is: the first paragraph of its card."""
    try:
        text = (MODELS / name / CARD).read_text(encoding="utf-8")
    except OSError:
        return ""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return next((part for part in paragraphs if part and not part.startswith("#")), "")
