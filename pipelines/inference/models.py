"""Presets opened for inference: captioners, ensembles, and models that answer questions."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from captioner.errors import UserError
from captioner.models.base.compatibility import require_same_vocabulary
from captioner.models.captioning.search_constraints import constraints_of, generation_config
from captioner.presets.folder import CHECKED, Preset, read_preset
from captioner.runtime.folder import read_export
from captioner.runtime.image_captioner import exported_config
from captioner.runtime.load import load_export
from captioner.settings import CaptionerSettings, GenerationConfig, LanguageModelSettings, Settings, VisualQASettings
from captioner.text.vocabulary import Vocabulary
from pipelines.inference.engines import KERAS, cached_export, is_export
from pipelines.utils.console import load_keras, log


def checked_presets(
    models: Sequence[Path], generation: GenerationConfig | None = None, language: tuple[Path, float] | None = None
) -> list[Preset]:
    """The presets of a captioner or an ensemble, checked before Keras is loaded or anything is written.

    Args:
        models: presets of captioners.
        generation: how captions are generated.
        language: preset of a language model that takes part, and its weight.

    Raises:
        UserError: one is no preset of its kind, their vocabularies differ, or captions cannot be generated so.
    """
    if language:
        read_preset(language[0], kinds={"language_model": LanguageModelSettings})
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


@dataclass(frozen=True)
class ModelSource:
    """A model that was checked and is loaded when there is work to do.

    settings, vocabulary: its own; those of the first of an ensemble.
    identity: what a job must not mix: checksums of what decides, the engine, and the precision.
    load: gives the model.
    keras: whether Keras runs it, which alone gives attention and trees.
    """

    settings: Settings
    vocabulary: Vocabulary
    identity: str
    load: Callable
    keras: bool = True


def _checked(make: Callable[[], ModelSource]) -> ModelSource:
    """A source whose model is looked at once more before it is loaded: later, or on another machine."""
    source = make()
    return replace(source, load=partial(_load_unchanged, make, source.identity))


def _load_unchanged(make: Callable[[], ModelSource], identity: str):
    source = make()
    if source.identity != identity:
        raise UserError(
            "The model is not the one that the command began with: its files were replaced meanwhile, or are others on "
            "this machine. Give all machines the same, and repeat the command."
        )
    return source.load()


def captioner_source(
    models: Sequence[Path],
    generation: GenerationConfig | None = None,
    encoder_weights: Path | None = None,
    language: tuple[Path, float] | None = None,
    engine: str = KERAS,
) -> ModelSource:
    """A captioner of a preset, of several, or of an exported folder.

    Args:
        models, generation: see `checked_presets`; or one exported model.
        encoder_weights, language: see `load_captioner`.
        engine: a name in `ENGINES`; an exported model has its own.

    Raises:
        UserError: as of `checked_presets`, or the engine cannot do what is asked.
    """
    return _checked(partial(_captioner_source, models, generation, encoder_weights, language, engine))


def _captioner_source(models, generation, encoder_weights, language, engine) -> ModelSource:
    if any(map(is_export, models)) or engine != KERAS:
        if len(models) > 1 or language:
            raise UserError("Ensembles and language models need the engine keras: exported models run alone.")
        return _exported_source(models[0], "captioner", generation, encoder_weights, engine)
    presets = checked_presets(models, generation)
    load = partial(load_captioner, models, encoder_weights, language)
    return ModelSource(presets[0].settings, presets[0].vocabulary, models_identity(presets, language), load)


def visual_qa_source(model: Path, encoder_weights: Path | None = None, engine: str = KERAS) -> ModelSource:
    """A model that answers questions, of a preset or of an exported folder; see `captioner_source`."""
    return _checked(partial(_visual_qa_source, model, encoder_weights, engine))


def _visual_qa_source(model: Path, encoder_weights: Path | None, engine: str) -> ModelSource:
    if is_export(model) or engine != KERAS:
        return _exported_source(model, "visual_qa", None, encoder_weights, engine)
    preset = read_preset(model, kinds={"visual_qa": VisualQASettings})
    load = partial(load_visual_qa, model, encoder_weights)
    return ModelSource(preset.settings, preset.vocabulary, visual_qa_identity(model), load)


def _exported_source(model: Path, kind: str, generation, encoder_weights, engine: str) -> ModelSource:
    """An exported folder, or what will be exported of a preset."""
    if is_export(model):
        export = read_export(model)
        settings, vocabulary, facts = export.config.settings, export.vocabulary, export.config.checksums
        if settings.kind != kind:
            raise UserError(f"{model} holds a model of kind {settings.kind!r}, but {kind!r} is needed here.")
        load = partial(load_export, model)
    else:
        kinds = {"captioner": CaptionerSettings, "visual_qa": VisualQASettings}
        preset = read_preset(model, kinds={kind: kinds[kind]})
        settings, vocabulary = preset.settings, preset.vocabulary
        facts = {**_checksums(preset), "engine": engine, "precision": "float32"}

        def load():
            return load_export(cached_export(preset, engine, encoder_weights, log))

    if kind == "captioner":
        exported_config(settings, vocabulary, generation)  # what it cannot do is reported before anything is written
    return ModelSource(settings, vocabulary, _hash(facts), load, keras=False)


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
