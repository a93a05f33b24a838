"""From a recipe to everything a training run works with: data, words, model, batches."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captioner.encoders.vgg import LAST_BLOCK
from captioner.errors import UserError
from captioner.images.augment import views_of
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.presets.folder import read_preset
from captioner.presets.weight_transfer import transfer_weights
from captioner.settings import CaptionerSettings, validate
from captioner.text.vocabulary import Vocabulary
from captioner.training.scheduled_sampling import sampling_probability
from pipelines.data.examples import DataSet, Problem
from pipelines.data.features.augmented import open_views
from pipelines.data.features.extract import Progress
from pipelines.data.features.sources import Source, open_source
from pipelines.tasks.captioning.batches import CaptionBatches
from pipelines.tasks.captioning.self_critical import SelfCriticalBatches
from pipelines.tasks.captioning.settings import Recipe, TrainingSettings
from pipelines.training.pretrained_embeddings import load_pretrained_embeddings

NOT_IN_WEIGHTS = (
    "encoder.options.train_last_block", "encoder.dropout", "encoder.pool", "encoder.image_size", "decoder.dropout",
    "decoder.word_dropout", "text.minimum_count", "text.maximum_size", "text.max_length",
    "decoder.options.reinforce_weight", "decoder.options.entropy_weight", "decoder.options.soft_share",
    "decoder.options.reconstruction_weight",
)  # fmt: skip


@dataclass
class Prepared:
    """What training needs, made from a recipe."""

    recipe: Recipe
    dataset: DataSet
    captioner: ImageCaptioner
    train_examples: tuple
    dev_examples: tuple
    problems: list[Problem]
    batches: CaptionBatches | SelfCriticalBatches | None = None
    dev_source: Source | None = None


def adopt_model(recipe: Recipe, init_from: Path, warn: Callable[[str], None] | None = None) -> Recipe:
    """The recipe with the model of a preset: weights fit only the model that they were trained in.

    What changes no weight, or lets more of them learn (`NOT_IN_WEIGHTS`), is as the preset has it unless it was changed
    by `--set`; of other changes `warn` is told that they cannot be made.
    """
    before = read_preset(init_from, kinds={"captioner": CaptionerSettings}).settings
    groups = {name: getattr(before, name) for name in ("encoder", "decoder", "text")}
    adopted = {name: settings.model_dump() for name, settings in groups.items()}
    asked = recipe.model_dump(include=set(groups))
    changed = [each for each in recipe.changed if each.partition(".")[0] in groups]
    for path, value in dict(leaf for each in changed for leaf in _leaves(asked, each)).items():
        *parents, name = path.split(".")
        place = functools.reduce(dict.__getitem__, parents, adopted)
        if path in NOT_IN_WEIGHTS:
            place[name] = value
        elif warn and value != place.get(name):
            warn(f"{path} is as in {init_from}: its weights fit no other model.")
    return recipe.model_copy(
        update={name: validate(type(settings), adopted[name], name) for name, settings in groups.items()}
    )


def _leaves(settings: dict, path: str) -> Iterator[tuple[str, Any]]:
    """The single settings at a path such as `decoder.options`, by their own paths."""
    # An option that was set and then left out again (`encoder.options={}`) is gone.
    found = functools.reduce(lambda values, name: values.get(name, {}), path.split("."), settings)
    if not isinstance(found, dict):
        yield path, found
        return
    for name in found:
        yield from _leaves(settings, f"{path}.{name}")


def prepare_model(
    recipe: Recipe,
    dataset: DataSet,
    init_from: Path | None = None,
    encoder_weights: Path | None = None,
    vocabulary: Vocabulary | None = None,
) -> Prepared:
    """The model of a recipe, fresh or with the weights of a preset.

    The words are counted on the training split alone.

    Args:
        vocabulary: the words of a run that goes on; counted where it is not given.

    Raises:
        UserError: the data has no training split with captions.
    """
    train = dataset.split("train")
    dev = dataset.split("dev") if "dev" in dataset.splits() else ()
    captions = [caption for example in train for caption in example.captions]
    if not captions:
        raise UserError(f"The training split of {dataset.root} holds no captions to learn from.")
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
    return Prepared(recipe, dataset, model, train, dev, list(dataset.problems))


def begin_words(prepared: Prepared, init_from: Path | None, log: Callable[[str], None]) -> None:
    """Begins the decoder's words with the vectors that the recipe names, if it names any, and tells how many it found.

    Raises:
        UserError: the file cannot be used; see `load_pretrained_embeddings`.
    """
    path = prepared.recipe.data.vectors
    if path and init_from:
        log(f"{path} is not used: the words of {init_from} have vectors already")
    elif path:
        captioner = prepared.captioner
        embedding, words = captioner.decoder.embedding, captioner.vocabulary.words
        log(load_pretrained_embeddings(embedding, words, path, "decoder.embedding_size"))


def prepare_sources(prepared: Prepared, cache: Path, progress: Progress | None = None, log=None) -> None:
    """Opens the images of the training and development splits, computing features where they are missing."""
    training = prepared.recipe.training
    encoder = prepared.captioner.encoder
    images = [example.image for example in prepared.train_examples]
    views = views_of(training.augmentations)
    source, problems = open_views(encoder, images, cache, views, training.seed, progress, log)
    prepared.problems += problems
    prepared.batches = make_batches(prepared, source)
    if prepared.dev_examples:
        images = [example.image for example in prepared.dev_examples]
        prepared.dev_source, problems = open_source(encoder, images, cache, progress, log)
        prepared.problems += problems


def make_batches(prepared: Prepared, source: Source) -> CaptionBatches | SelfCriticalBatches:
    """The training batches of a recipe, from the images of the training split.

    Raises:
        UserError: none of them can be read.
    """
    training, captions = prepared.recipe.training, [example.captions for example in prepared.train_examples]
    batches = CaptionBatches(
        source,
        captions,
        prepared.captioner.vocabulary,
        prepared.recipe.text.max_length,
        training.images_per_batch,
        training.captions_per_image,
        training.seed,
    )
    if not batches.steps:
        raise UserError(f"None of the training images in {prepared.dataset.root} can be read.")
    if training.objective == "self_critical":
        return SelfCriticalBatches(
            batches,
            captions,
            prepared.captioner,
            training.samples_per_image,
            training.reward,
            training.baseline,
            training.temperature,
        )
    batches.own_words = _own_words(training, batches.steps)
    return batches


def _own_words(training: TrainingSettings, steps_per_epoch: int) -> Callable[[int], float] | None:
    """The schedule of scheduled sampling, from steps done to the share of own words; None without it."""
    if not training.own_words:
        return None
    steps = round((training.own_words_epochs or training.epochs) * steps_per_epoch)
    return lambda done: sampling_probability(training.own_words_schedule, training.own_words, done, steps)
