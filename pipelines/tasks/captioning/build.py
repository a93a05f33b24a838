"""From a recipe to what a training of captions works with: model, words, batches."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from captioner.encoders.vgg import LAST_BLOCK
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.presets.folder import read_preset
from captioner.presets.weight_transfer import transfer_weights
from captioner.settings import CaptionerSettings, validate
from captioner.text.vocabulary import Vocabulary
from captioner.training.scheduled_sampling import sampling_probability
from pipelines.data.features.sources import Source
from pipelines.tasks.captioning.batches import CaptionBatches
from pipelines.tasks.captioning.self_critical import SelfCriticalBatches
from pipelines.tasks.captioning.settings import Recipe, TrainingSettings

NOT_IN_WEIGHTS = (
    "encoder.options.train_last_block", "encoder.dropout", "encoder.pool", "encoder.image_size", "decoder.dropout",
    "decoder.word_dropout", "text.minimum_count", "text.maximum_size", "text.max_length",
    "decoder.options.reinforce_weight", "decoder.options.entropy_weight", "decoder.options.soft_share",
    "decoder.options.reconstruction_weight",
)  # fmt: skip


def adopt_model(recipe: Recipe, init_from: Path, warn: Callable[[str], None] | None = None) -> Recipe:
    """The recipe with the model of a preset: weights fit only the model that they were trained in.

    What changes no weight, or lets more of them learn (`NOT_IN_WEIGHTS`), is as the preset has it unless it was changed
    by `--set`; of other changes `warn` is told that they cannot be made.
    """
    before = read_preset(init_from, kinds={"captioner": CaptionerSettings}).settings
    groups = {name: getattr(before, name) for name in ("encoder", "decoder", "text")}
    adopted = {name: settings.model_dump() for name, settings in groups.items()}
    wanted = recipe.model_dump(include=set(groups))
    changed = [path for path in recipe.changed if path.partition(".")[0] in groups]
    for path, value in dict(leaf for group in changed for leaf in _leaves(wanted, group)).items():
        *parents, name = path.split(".")
        group = functools.reduce(dict.__getitem__, parents, adopted)
        if path in NOT_IN_WEIGHTS:
            group[name] = value
        elif warn and value != group.get(name):
            warn(f"{path} is as in {init_from}: its weights fit no other model.")
    return recipe.model_copy(
        update={name: validate(type(settings), adopted[name], name) for name, settings in groups.items()}
    )


def _leaves(settings: dict, path: str) -> Iterator[tuple[str, Any]]:
    """The single settings at a path such as `decoder.options`, by their own paths."""
    # An option that was set and then left out again (`encoder.options={}`) is gone.
    value = functools.reduce(lambda values, name: values.get(name, {}), path.split("."), settings)
    if not isinstance(value, dict):
        yield path, value
        return
    for name in value:
        yield from _leaves(settings, f"{path}.{name}")


def build_captioner(
    recipe: Recipe,
    captions: Sequence[str],
    init_from: Path | None = None,
    encoder_weights: Path | None = None,
    vocabulary: Vocabulary | None = None,
) -> ImageCaptioner:
    """The model of a recipe, fresh or with the weights of a preset.

    Args:
        recipe: its settings.
        captions: of the training split; the words are counted there alone.
        init_from: preset whose weights and words it starts with.
        encoder_weights: file with the frozen network's weights.
        vocabulary: the words of a run that goes on; counted where it is None.
    """
    before = ImageCaptioner.from_preset(init_from, encoder_weights) if init_from else None
    text = recipe.text
    if vocabulary is None:
        vocabulary = Vocabulary.from_captions(captions, text.tokenizer, text.minimum_count, text.maximum_size)
        if before:
            vocabulary = before.vocabulary.extended(vocabulary.words[4:])
    model = ImageCaptioner(recipe.model, vocabulary, encoder_weights)
    if before:
        unfrozen = [] if before.settings.encoder.options.get("train_last_block") else LAST_BLOCK
        transfer_weights(before.network, model.network, len(before.vocabulary), len(vocabulary), unfrozen)
    return model


def make_batches(
    recipe: Recipe, captioner: ImageCaptioner, source: Source, captions: Sequence[Sequence[str]]
) -> CaptionBatches | SelfCriticalBatches:
    """The training batches of a recipe.

    Args:
        recipe: says how many images and captions, and how they are learned.
        captioner: knows the words, and samples captions where it learns from its own.
        source: the images of the training split.
        captions: of each of them.
    """
    training = recipe.training
    batches = CaptionBatches(
        source,
        captions,
        captioner.vocabulary,
        recipe.text.max_length,
        training.images_per_batch,
        training.captions_per_image,
        training.seed,
        _sampling_schedule(training),
    )
    if training.objective == "self_critical":
        return SelfCriticalBatches(
            batches,
            captions,
            captioner,
            training.samples_per_image,
            training.reward,
            training.baseline,
            training.temperature,
        )
    return batches


def _sampling_schedule(training: TrainingSettings) -> Callable[[int, int], float] | None:
    """The schedule of scheduled sampling: steps done and steps of an epoch -> probability; None without it."""
    settings = training.scheduled_sampling
    if not settings.probability or training.objective == "self_critical":
        return None
    epochs = settings.epochs or training.epochs
    return lambda done, steps: sampling_probability(
        settings.schedule, settings.probability, done, round(epochs * steps)
    )
