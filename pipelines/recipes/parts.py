"""The settings that choose a part by its name, and the registries that know these names."""

import importlib
from typing import Any

from captioner.errors import UserError
from captioner.settings import Settings

# Groups of settings whose `name` is that of a part: its registry and its base class.
PARTS = {
    "encoder": ("captioner.encoders:ENCODERS", "captioner.encoders.base:Encoder"),
    "decoder": ("captioner.decoders:DECODERS", "captioner.decoders.base:Decoder"),
    "question": ("captioner.question_encoders:QUESTION_ENCODERS", "captioner.question_encoders.base:QuestionEncoder"),
    "fusion": ("captioner.fusions:FUSIONS", "captioner.fusions.base:Fusion"),
}
CELLS = ("captioner.cells:CELLS", "captioner.cells.base:RecurrentCell")

# Settings that are a name, in any group.
_NAMES = {"cell": CELLS[0], "frames_cell": CELLS[0], "tokenizer": "captioner.text:TOKENIZERS"}


def imported(path: str) -> Any:
    """What `"package.module:name"` stands for."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def check_part_names(settings: Settings, path: str = "") -> None:
    """Refuses the name of a part that there is none of, before anything is read, built or compared.

    Args:
        settings: of a recipe, or a group of them.
        path: of the group, such as `decoder`.

    Raises:
        UserError: the message has the setting and the nearest name.
    """
    group = path.rpartition(".")[2]
    for name in type(settings).model_fields:
        value, setting = getattr(settings, name), f"{path}.{name}".lstrip(".")
        if isinstance(value, Settings):
            check_part_names(value, setting)
            continue
        registry = PARTS[group][0] if name == "name" and group in PARTS else _NAMES.get(name)
        if registry is not None:
            try:
                imported(registry).path(value)
            except UserError as error:
                raise UserError(f"`{setting}` = {value!r} does not fit. {error}") from None
