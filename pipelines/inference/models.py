"""Presets opened for inference: captioners, ensembles, and models that answer questions."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from captioner.models.base.compatibility import require_same_vocabulary
from captioner.models.captioning.search_constraints import constraints_of, generation_config
from captioner.presets.folder import CHECKED, Preset, read_preset
from captioner.settings import CaptionerSettings, GenerationConfig, LanguageModelSettings, VisualQASettings
from pipelines.utils.console import load_keras


def checked_presets(models: Sequence[Path], generation: GenerationConfig | None = None) -> list[Preset]:
    """The presets of a captioner or an ensemble, checked before Keras is loaded or anything is written.

    Raises:
        UserError: one is no preset of a captioner, their vocabularies differ, or captions cannot be generated so.
    """
    presets = [read_preset(model, kinds={"captioner": CaptionerSettings}) for model in models]
    for model, preset in zip(models[1:], presets[1:], strict=True):
        require_same_vocabulary(presets[0].vocabulary, preset.vocabulary, models[0], model)
    if generation is not None:
        constraints_of(generation_config(presets[0].settings.search, generation), presets[0].vocabulary)
    return presets


def models_identity(presets: Sequence[Preset], language: tuple[Path, float] | None = None) -> str:
    """What identifies a captioner or an ensemble: checksums of what decides about captions, not of metadata.

    Args:
        presets: of captioners.
        language: preset of a language model, and its weight.
    """
    checksums = [_checksums(preset) for preset in presets] if len(presets) > 1 else _checksums(presets[0])
    if language:
        model, weight = language
        preset = read_preset(model, kinds={"language_model": LanguageModelSettings})
        checksums = {"captioner": checksums, "language": _checksums(preset), "weight": weight}
    return _hash(checksums)


def visual_qa_identity(model: Path) -> str:
    """What identifies a model that answers: checksums of its files, but not of its metadata.

    Raises:
        UserError: it is no preset of such a model.
    """
    preset = read_preset(model, kinds={"visual_qa": VisualQASettings})
    return _hash({name: value for name, value in preset.metadata["checksums"].items() if name != "metadata.json"})


def _hash(checksums) -> str:
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()


def _checksums(preset: Preset) -> dict[str, str]:
    return {name: preset.metadata["checksums"][name] for name in CHECKED}


def load_captioner(
    models: Sequence[Path],
    encoder_weights: Path | None = None,
    language: tuple[Path, float] | None = None,
):
    """An `ImageCaptioner`, or an `Ensemble` of several presets, with the language model of its search.

    Args:
        models: presets.
        language: preset of a language model, and its weight.
    """
    load_keras()
    from captioner.models.captioning.ensemble import Ensemble
    from captioner.models.captioning.image_captioner import ImageCaptioner

    if len(models) == 1:
        captioner = ImageCaptioner.from_preset(models[0], encoder_weights)
    else:
        captioner = Ensemble.from_presets(models, encoder_weights)
    if language:
        from captioner.models.language.language_model import LanguageModel

        captioner.set_language_model(LanguageModel.from_preset(language[0]), language[1])
    return captioner


def load_visual_qa(model: Path, encoder_weights: Path | None = None):
    """A `VisualQA` of a preset."""
    load_keras()
    from captioner.models.vqa.visual_qa import VisualQA

    return VisualQA.from_preset(model, encoder_weights)
