"""Everything a training run needs to go on as if it had never been stopped, in one file.

Keras' own `BackupAndRestore` begins the epoch again and forgets the state of dropout; a run that was killed would then
end with other weights than one that was not.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from captioner.errors import UserError
from captioner.files import atomic_file, open_regular
from captioner.settings import Settings

if TYPE_CHECKING:
    import keras

FILE = "checkpoint.npz"


class _Best(Settings):
    """The best epoch so far."""

    epoch: int
    name: str
    score: float
    value: float


class _Progress(Settings):
    """Where a training stands, as `pipelines.training.loop` counts it."""

    epoch: int = Field(ge=0)
    step: int = Field(ge=0)
    seconds: float = Field(ge=0)
    best: _Best | None
    history: list[dict[str, int | float | str | None]]
    batches: dict[str, int | float] = Field({})


def state_variables(model: "keras.Model") -> list:
    """All variables that training changes: weights, dropout's seeds, the optimizer's and the metrics' state."""
    known = {}
    for variable in [*model.variables, *model.optimizer.variables, *model.metrics_variables]:
        known.setdefault(id(variable), variable)
    return list(known.values())


def save_checkpoint(folder: Path, model: "keras.Model", progress: dict[str, Any]) -> None:
    """Writes the checkpoint of a run, in place of the one before it, which stays until the new one is whole.

    Args:
        folder: the run.
        model: a compiled model.
        progress: where training stands, as JSON can hold it.

    Raises:
        UserError: it cannot be written.
    """
    arrays = {f"v{index:04d}": np.asarray(variable) for index, variable in enumerate(state_variables(model))}
    with atomic_file(folder / FILE) as file:
        np.savez(file, progress=np.frombuffer(json.dumps(progress).encode(), np.uint8), **arrays)


def read_progress(folder: Path) -> dict[str, Any] | None:
    """Where a run stands, or None if it has not begun.

    Raises:
        UserError: the checkpoint is damaged.
    """
    if not (folder / FILE).is_file():
        return None
    progress = _read(folder, lambda file: _Progress.model_validate_json(file["progress"].tobytes()))
    return progress.model_dump(exclude_unset=True)


def restore_checkpoint(folder: Path, model: "keras.Model") -> None:
    """Sets all variables of a compiled and built model to those of the checkpoint.

    Raises:
        UserError: the checkpoint is damaged, or of another model.
    """
    variables = state_variables(model)

    def assign(file):
        names = sorted(name for name in file.files if name != "progress")
        if len(names) != len(variables):
            raise UserError(f"{folder / FILE} belongs to another model: {len(names)} tensors, not {len(variables)}.")
        for name, variable in zip(names, variables, strict=True):
            if file[name].shape != tuple(variable.shape):
                raise UserError(
                    f"{folder / FILE} belongs to another model: {variable.path} has the shape {tuple(variable.shape)}, "
                    f"in the file it is {file[name].shape}."
                )
            variable.assign(file[name])

    _read(folder, assign)


def _read(folder: Path, use):
    try:
        with open_regular(folder / FILE) as opened, np.load(opened, allow_pickle=False) as file:
            # Somebody else's file could be unpacked to any size: a sum of sizes is not larger than the file.
            if sum(member.file_size for member in file.zip.infolist()) > os.fstat(opened.fileno()).st_size:
                raise ValueError("its arrays are larger than the file")
            return use(file)
    except UserError:
        raise
    except Exception as error:  # zip, header and data each break in their own way
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{folder / FILE} is damaged ({reason}). Delete it to begin the training again; the model saved in "
            f"{folder} stays as it is until the new run writes a better one."
        ) from None
