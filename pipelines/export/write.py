"""A preset to a folder that other programs can use: networks, words, settings, and a card with what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from captioner import __version__
from captioner.errors import UserError
from captioner.files import atomic_write, flush_files, whole_folder
from captioner.images.decode import ImageError, decode_image, normalise
from captioner.presets.folder import Preset, kind_of_preset, read_preset
from captioner.registry import Registry
from captioner.runtime.folder import ANSWERS, CARD, EXPORT, VOCABULARY, ExportConfig
from captioner.runtime.load import load_export
from captioner.settings import CaptionerSettings, VisualQASettings
from captioner.text.files import checksum

FORMATS = Registry(
    "export format",
    {
        "savedmodel": "pipelines.export.savedmodel",
        "onnx": "pipelines.export.onnx",
        "openvino": "pipelines.export.openvino",
    },
)
_KINDS = {"captioner": CaptionerSettings, "visual_qa": VisualQASettings}
SAVED_MODEL = "saved_model"
_QUESTION = "what is in the picture?"  # by which models that answer are compared
_SAYS = {"captioner": ("captions", "mean log-probability a word"), "visual_qa": ("answers", "probability")}
SAMPLES = 32  # images that choose the ranges of 8-bit layers, and by which the difference is measured


@dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    format: a name in `FORMATS`.
    precision: "float32", or "int8" for the frozen network.
    images: by which 8-bit layers choose their ranges and the difference to the original is measured; without them it
        is measured with drawn scenes.
    encoder_weights: file with the weights of the frozen network.
    """

    format: str
    precision: str = "float32"
    images: tuple[Path, ...] = ()
    encoder_weights: Path | None = None


def export_model(model: str | Path, out: Path, options: ExportOptions, log: Callable[[str], None] = print) -> Path:
    """Exports a model into a new folder.

    Args:
        model: a preset, or the name of an installed model.
        out: the folder; it may exist if it is empty. After an error it is as it was.
        options: how.
        log: gets what is done, and the difference to the original.

    Raises:
        UserError: the model has parts that cannot be exported, a package is not installed, `out` holds something, or
            the disk refuses.
    """
    preset = read_preset(Path(model), kinds=_KINDS)
    writer = FORMATS.get(options.format)
    if options.precision == "int8" and options.format == "savedmodel":
        raise UserError("A SavedModel has single precision. Use --format onnx or --format openvino for int8.")
    if options.precision == "int8" and not options.images:
        raise UserError("8-bit layers choose their ranges by images: name some, like those it will see, with --images.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already. Give another folder with --out.")
    trained = _load(preset, options)
    samples = _samples(options.images, trained.encoder.spec)
    with whole_folder(out) as new:
        _write(new, preset, trained, writer, options, samples)
        difference = _difference(new, trained, samples, "images" if options.images else "drawn scenes")
        atomic_write(new / CARD, _card(preset, options, difference))
        flush_files([path for path in new.rglob("*") if path.is_file()])
    log(difference)
    return out


def _load(preset: Preset, options: ExportOptions):
    """The model, whose frozen network computes in single precision."""
    if kind_of_preset(preset.folder) == "captioner":
        from captioner.models.captioning.image_captioner import ImageCaptioner as Model
    else:
        from captioner.models.vqa.visual_qa import VisualQA as Model
    return Model.from_preset(preset.folder, options.encoder_weights, half_precision=False)


def _write(folder: Path, preset: Preset, trained, writer, options: ExportOptions, samples: list[np.ndarray]) -> None:
    from pipelines.export.networks import ENCODING, networks_of

    if options.format == "savedmodel":
        writer.write_model(trained, folder)
    else:
        rounded = options.precision == "int8"
        calibration = {ENCODING: [normalise(pixels, trained.encoder.spec) for pixels in samples]} if rounded else {}
        writer.write_networks(networks_of(trained), folder, calibration)
    preset.vocabulary.save(folder / VOCABULARY)
    if preset.answers is not None:
        preset.answers.save(folder / ANSWERS)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    config = ExportConfig(
        engine=options.format,
        precision=options.precision,
        settings=trained.settings,
        image=trained.encoder.spec.config(),
        grid=trained.encoder.grid,
        source=preset.metadata["checksums"],
        checksums={path.relative_to(folder).as_posix(): checksum(path) for path in files},
    )
    atomic_write(folder / EXPORT, config.model_dump_json(indent=2) + "\n")


def _samples(paths: Sequence[Path], spec) -> list[np.ndarray]:
    """Pixels uint8 `(H, W, 3)` of images, of folders of images, or of drawn scenes where there are none.

    Raises:
        UserError: there is no image among them that can be read.
    """
    if not paths:
        from pipelines.data.synthetic.drawing import draw_scene
        from pipelines.data.synthetic.scenes import sample_scenes

        scenes = (scene for _, _, scene in sample_scenes(0, {"train": SAMPLES}))
        return [decode_image(draw_scene(scene, 256), spec) for scene in scenes]
    files = (path for named in paths for path in (sorted(named.rglob("*")) if named.is_dir() else [named]))
    samples = list(islice(_readable(files, spec), SAMPLES))
    if not samples:
        raise UserError(f"There is no image that can be read in {', '.join(map(str, paths))}.")
    return samples


def _readable(files, spec):
    for path in files:
        if path.is_file():
            try:
                yield decode_image(path, spec)
            except ImageError:
                continue


def _difference(folder: Path, trained, samples: list[np.ndarray], things: str) -> str:
    """A sentence: how far the exported model and the original say the same about samples."""
    said, measure = _SAYS[trained.settings.kind]
    originals, exported = _texts(trained, samples), _texts(_opened(folder, trained), samples)
    differences = [
        abs(score - other_score)
        for (text, score), (other, other_score) in zip(originals, exported, strict=True)
        if text == other
    ]
    return (
        f"Of {len(samples)} {things}, {len(differences)} have the same {said} as the original in single precision; "
        f"where they are the same, the {measure} differs by at most {max(differences, default=0.0):.1e}."
    )


def _texts(model, samples: list[np.ndarray]) -> list[tuple[str, float]]:
    """What a model says of each sample first, and its score."""
    if model.settings.kind == "captioner":
        return [(captions[0].text, captions[0].score) for captions in model.caption(samples)]
    answers = [model.answer(pixels, _QUESTION)[0] for pixels in samples]
    return [(answer.text, answer.probability) for answer in answers]


def _opened(folder: Path, trained):
    """The exported model, with the methods of the original."""
    if not (folder / SAVED_MODEL).is_dir():
        return load_export(folder)
    from pipelines.export.savedmodel import OpenedSavedModel

    return OpenedSavedModel(folder / SAVED_MODEL, trained)


def _card(preset: Preset, options: ExportOptions, difference: str) -> str:
    runs = {
        "savedmodel": "`tf.saved_model.load`, TensorFlow alone",
        "onnx": "`captioner.runtime.load_export` (NumPy, Pillow, onnxruntime), or any engine for ONNX",
        "openvino": "`captioner.runtime.load_export` (NumPy, Pillow, openvino), or OpenVINO itself",
    }[options.format]
    licence = preset.metadata.get("licence") or "that of the original model"
    return f"""# {preset.folder.name}, exported

| | |
| --- | --- |
| model | {preset.folder.name} ({preset.settings.kind}) |
| format | {options.format}, {options.precision} |
| written by | captioner {__version__} |
| runs with | {runs} |
| licence | {licence} |

{difference}
"""
