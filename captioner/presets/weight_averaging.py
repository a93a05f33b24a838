"""Weight averaging: one model from several that were trained from the same initial weights (a model soup)."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from captioner.encoders.fingerprint import is_fingerprint, same_weights
from captioner.errors import UserError
from captioner.files import locked_folder
from captioner.presets.folder import Preset, is_preset, read_preset, write_preset
from captioner.presets.weights import read_layout
from captioner.settings import CaptionerSettings, VisualQASettings

KINDS = {"captioner": CaptionerSettings, "visual_qa": VisualQASettings}
# Settings of training, search and calibration, which say nothing about the weights.
WEIGHTLESS = ("dropout", "word_dropout", "search", "min_score", "temperature")


def average_weights(
    folders: Sequence[str | Path], out: str | Path, shares: Sequence[float] | None = None, half_precision: bool = False
) -> None:
    """Writes a preset whose weights are the weighted mean of those of other presets.

    Models that were trained in different ways from the same initial weights (`--init-from`) mostly lie in one valley of
    the loss, and what each has memorised differs: their mean often writes better captions than any of them. Models with
    different random initial weights have nothing in common, and their mean writes nonsense.

    Args:
        folders: presets or names of installed models, two at least; settings and words are taken from the first.
        out: folder of the new preset.
        shares: of each in the mean, in any unit; equal ones by default.
        half_precision: store the weights as float16.

    Raises:
        UserError: a preset cannot be read, two of them do not belong together, or there is a model in `out` already.

    References: Wortsman et al. 2022, "Model soups" (https://arxiv.org/abs/2203.05482), for the mean of several;
    "Robust fine-tuning of zero-shot models" (https://arxiv.org/abs/2109.01903), for that of a model before and after
    fine-tuning.
    """
    with locked_folder(Path(out)):
        if is_preset(Path(out)):
            raise UserError(f"There is a model in {out} already. Give another folder.")
        _average(folders, Path(out), shares, half_precision)


def _average(folders: Sequence[str | Path], out: Path, shares: Sequence[float] | None, half_precision: bool) -> None:
    if len(folders) < 2:
        raise UserError(f"A mean is of two models at least; received {len(folders)}.")
    shares = np.ones(len(folders)) if shares is None else np.asarray(shares, "float64")
    if len(shares) != len(folders) or not (np.isfinite(shares) & (shares >= 0)).all() or not shares.sum() > 0:
        raise UserError(
            f"Each of the {len(folders)} models needs a share of 0 or more, some above 0; received {shares.tolist()}."
        )
    presets = [read_preset(Path(folder), KINDS) for folder in folders]
    for preset in presets[1:]:
        _check_alike(presets[0], preset)
    first = presets[0]
    shares = shares / shares.sum()

    def save_weights(path: Path) -> None:
        sources = [preset.weights for preset in presets]
        layouts = [read_layout(source) for source in sources]  # strangers' files, too
        shapes = [{name: shape for name, (shape, _) in layout.items()} for layout in layouts]
        for source, others in zip(sources, shapes, strict=True):
            if others != shapes[0]:
                raise UserError(f"{sources[0]} and {source} are not arranged in the same way.")
        _write_mean(sources, shares, path, np.float16 if half_precision else np.float32)

    # A preset is handed out: it holds names, not paths of the machine.
    mixed = [
        {"model": preset.folder.resolve().name, "share": round(float(share), 6)}
        for preset, share in zip(presets, shares, strict=True)
    ]
    facts = {name: value for name, value in first.metadata.items() if name not in ("checksums", "scores", "trained")}
    write_preset(out, first.settings, first.vocabulary, save_weights, {**facts, "mean_of": mixed}, first.answers)


def _check_alike(first: Preset, other: Preset) -> None:
    """
    Raises:
        UserError: the two models are built otherwise, or a number in them means another word.
    """
    if type(first.settings) is not type(other.settings):
        raise UserError(
            f"{first.folder} and {other.folder} are models of different kinds. Only models that began from the same "
            "one have a mean."
        )
    ours, theirs = (_settings_of_weights(preset.settings.model_dump()) for preset in (first, other))
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise UserError(
                f"{first.folder} and {other.folder} are built otherwise: {name} is {ours.get(name)!r} and "
                f"{theirs.get(name)!r}. Only models that began from the same one have a mean."
            )
    ours, theirs = (preset.metadata.get("encoder", {}).get("weights", []) for preset in (first, other))
    if not (is_fingerprint(ours) and is_fingerprint(theirs) and same_weights(ours, theirs)):
        raise UserError(f"{first.folder} and {other.folder} see through networks with other weights.")
    if first.vocabulary != other.vocabulary:
        raise UserError(f"{first.folder} and {other.folder} do not have the same words in the same order.")
    if (first.answers and first.answers.answers) != (other.answers and other.answers.answers):
        raise UserError(f"{first.folder} and {other.folder} do not have the same answers in the same order.")


def _settings_of_weights(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings that say something about the weights, by their path, such as `decoder.units`."""
    paths = {}
    for name, value in settings.items():
        if name in WEIGHTLESS:
            continue
        if isinstance(value, dict):
            paths |= _settings_of_weights(value, f"{prefix}{name}.")
        else:
            paths[prefix + name] = value
    return paths


def _write_mean(sources: Sequence[Path], shares: np.ndarray, path: Path, dtype) -> None:
    with contextlib.ExitStack() as stack, h5py.File(path, "w") as target:
        files = [stack.enter_context(h5py.File(source)) for source in sources]
        files[0].visititems(lambda name, item: _mean(name, item, files, shares, target, dtype))


def _mean(name: str, item: h5py.Group | h5py.Dataset, files: Sequence[h5py.File], shares, target, dtype) -> None:
    if isinstance(item, h5py.Group):
        copied = target.require_group(name)
    elif np.issubdtype(item.dtype, np.floating):
        values = [np.asarray(file[name], "float64") for file in files]
        mean = sum(share * value for share, value in zip(shares, values, strict=True))
        copied = target.create_dataset(name, data=mean.astype(dtype))
    else:
        copied = target.create_dataset(name, data=item[()])
    for key, value in item.attrs.items():
        copied.attrs[key] = value
