"""Presets opened for inference: one captioner, or several that write together, and a language model beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from captioner.models.base.compatibility import require_same_vocabulary
from captioner.presets.folder import Preset, read_preset
from captioner.settings import CaptionerSettings
from pipelines.inference.search_options import SearchOptions
from pipelines.utils.console import load_keras


def checked_presets(models: Sequence[Path], search: SearchOptions) -> list[Preset]:
    """The presets of captioners that are to write together, checked before Keras is loaded or anything is written.

    Raises:
        UserError: one is no preset of a captioner, their vocabularies differ, or they do not allow the search.
    """
    presets = [read_preset(model, kinds={"captioner": CaptionerSettings}) for model in models]
    for model, preset in zip(models[1:], presets[1:], strict=True):
        require_same_vocabulary(presets[0].vocabulary, preset.vocabulary, models[0], model)
    search.check(presets[0].settings.search, presets[0].vocabulary)
    return presets


def load_captioner(
    models: Sequence[Path],
    encoder_weights: Path | None = None,
    language: tuple[Path, float] | None = None,
    loaded: Callable[[], object] = lambda: None,
):
    """An `ImageCaptioner`, or an `Ensemble` of several presets, with the language model of its search.

    Args:
        models: presets.
        language: preset of a language model, and its weight.
        loaded: called when everything is loaded.
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
    loaded()
    return captioner
