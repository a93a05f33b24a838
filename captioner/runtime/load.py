"""Opening an exported model."""

from pathlib import Path

from captioner.errors import UserError
from captioner.runtime.folder import read_export


def load_export(folder: str | Path):
    """An `ExportedCaptioner` or an `ExportedVisualQA`, whichever the folder holds.

    Args:
        folder: what `captioner export --format onnx` or `--format openvino` wrote.

    Raises:
        UserError: it is no such folder, it is damaged or from another version, or the engine is not installed.
    """
    export = read_export(folder)
    if export.config.engine == "savedmodel":
        raise UserError(
            f"{folder} is a SavedModel, which TensorFlow runs: tf.saved_model.load({str(folder)!r}). Export the model "
            "with --format onnx or --format openvino to run it here."
        )
    if export.config.settings.kind == "captioner":
        from captioner.runtime.image_captioner import ExportedCaptioner

        return ExportedCaptioner(export)
    from captioner.runtime.visual_qa import ExportedVisualQA

    return ExportedVisualQA(export)
