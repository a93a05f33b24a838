"""What computes: Keras, or the exported networks of a model, which are made once and kept in a cache."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from captioner import __version__
from captioner.backend import load_keras
from captioner.errors import UserError
from captioner.files import cache_folder
from captioner.presets.folder import Preset, model_folder
from captioner.runtime.folder import EXPORT, FORMAT

ENGINES = ("keras", "openvino")
KERAS = ENGINES[0]


def is_export(model: str | Path) -> bool:
    """Whether a folder holds an exported model rather than a preset."""
    return (model_folder(model) / EXPORT).is_file()


def cached_export(
    preset: Preset, engine: str, encoder_weights: Path | None, log: Callable[[str], None] = lambda text: None
) -> Path:
    """The folder of the exported networks of a preset; they are exported now if they are not there.

    Args:
        preset: of a captioner, or of a model that answers questions.
        engine: "openvino".
        encoder_weights: see `ExportOptions`; another file gives another folder.
        log: gets a line before an export begins.

    Raises:
        UserError: the engine is not installed, the model has parts that cannot be exported, or the cache cannot be
            written.
    """
    folder = cache_folder() / "exports" / f"{preset.folder.name}-{_key(preset, engine, encoder_weights)}"
    if not (folder / EXPORT).is_file():
        load_keras()
        from pipelines.export.write import ExportOptions, export_model

        log(f"Exporting {preset.folder.name} for the engine {engine}, once")
        try:
            export_model(preset.folder, folder, ExportOptions(engine, encoder_weights=encoder_weights), lambda _: None)
        except UserError:
            if not (folder / EXPORT).is_file():  # else another process was faster
                raise
    return folder


def _key(preset: Preset, engine: str, encoder_weights: Path | None) -> str:
    """What exported networks depend on, as sixteen digits."""
    weights = encoder_weights and [os.path.realpath(encoder_weights), encoder_weights.stat().st_size]
    facts = {
        "captioner": __version__,
        "format": FORMAT,
        "engine": engine,
        "preset": preset.metadata["checksums"],
        "weights": weights,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
