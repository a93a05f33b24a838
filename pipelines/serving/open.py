"""The models of a service, checked, loaded and warm."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from captioner.errors import UserError
from captioner.presets.folder import kind_of_preset
from captioner.presets.installed import DEFAULT_MODELS, default_model
from captioner.runtime.folder import read_export
from pipelines.inference.engines import is_export
from pipelines.inference.models import captioner_source, visual_qa_source
from pipelines.serving.metrics import ServiceMetrics
from pipelines.serving.service import ServedModel, Service, ServiceLimits


def open_service(
    models: Sequence[Path] | None,
    encoder_weights: Mapping[str, Path] = MappingProxyType({}),
    engine: str = "keras",
    batch_size: int = 8,
    queue: int = 256,
    log: Callable[[str], None] = lambda text: None,
) -> Service:
    """A service with models that are loaded and have computed once.

    Args:
        models: presets or exported folders; by default the best installed of each kind. Each is called as its folder.
        encoder_weights: name of a model -> file with the weights of its frozen network; others need none.
        engine: see `captioner_source`.
        batch_size, queue: see `Batcher`.
        log: gets a line before each model is loaded.

    Raises:
        UserError: a model cannot be used, two have one name, or weights are for a model that is not there.
    """
    limits, metrics = ServiceLimits(queue=queue), ServiceMetrics()
    served: dict[str, ServedModel] = {}
    models = models or [Path(default_model(kind)) for kind in DEFAULT_MODELS]
    names = [Path(model).name for model in models]
    if unknown := [name for name in encoder_weights if name not in names]:
        raise UserError(f"Weights are given for {unknown[0]!r}, but the models here are: {', '.join(names)}.")
    for name, model in zip(names, models, strict=True):
        if name in served:
            raise UserError(f"Two models are called {name}; clients could not tell them apart. Rename a folder.")
        kind = read_export(model).config.settings.kind if is_export(model) else kind_of_preset(model)
        if kind == "visual_qa":
            source = visual_qa_source(model, encoder_weights.get(name), engine)
        else:  # which says what is wrong with other kinds
            source = captioner_source([model], None, encoder_weights.get(name), None, engine)
        served[name] = ServedModel(name, source, limits, metrics, batch_size)
    for name, model in served.items():
        log(f"Loading {name}")
        model.load()
    return Service(served, limits, metrics)
