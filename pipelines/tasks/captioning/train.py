"""Training a captioner: one command, which goes on where it was stopped."""

import os
from pathlib import Path
from typing import Any

import keras

from captioner.errors import UserError
from captioner.models.base.build import unused_settings
from captioner.models.base.decode_step import END, START, SUPPRESSED
from captioner.models.captioning.training_network import TrainingNetwork
from captioner.models.captioning.warm_start import warm_start_decoder
from captioner.models.language.language_model import LanguageModel
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from captioner.training.policy_gradient import PolicyGradient
from pipelines.data.examples import DataSet
from pipelines.data.open import open_captions
from pipelines.data.provenance import data_facts
from pipelines.evaluation.data_metrics import DataMetric
from pipelines.evaluation.metrics import score_split, selection_metric
from pipelines.inference.batch_captioning import decode_source
from pipelines.tasks.captioning.build import (
    Prepared,
    adopt_model,
    begin_words,
    prepare_model,
    prepare_sources,
)
from pipelines.tasks.captioning.self_critical import SelfCriticalBatches
from pipelines.tasks.captioning.settings import Recipe
from pipelines.training.history import sample_captions
from pipelines.training.loop import EvalResult, TrainingLoop, compile_network
from pipelines.training.principal_components import fit_components
from pipelines.training.resume_guard import check_same_data, check_same_networks, keep_data
from pipelines.training.run_folder import begin_run, keep_recipe
from pipelines.utils.progress import Reporter

WORDS = "words.txt"
COLLAPSED = 0.05  # share of distinct captions under which they say little about the images


def train(
    recipe: Recipe,
    run: Path,
    *,
    data: Path | None = None,
    cache: Path = Path("cache"),
    init_from: Path | None = None,
    init_from_language: Path | None = None,
    encoder_weights: Path | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Trains a recipe into a run folder, or goes on with the training that is there.

    After each epoch the development captions are decoded freely and scored; the preset in the run folder is always
    that of the best epoch so far.

    Args:
        recipe: what to train.
        run: folder of the run.
        data: folder of the data set; the recipe's own where it is not given.
        cache: folder where features of frozen networks are kept.
        init_from: preset to begin with.
        init_from_language: preset of a language model whose words, cells and output layer the decoder begins with.
        encoder_weights: file with the frozen network's weights.
        reporter: where progress is told.

    Raises:
        UserError: the run folder holds another experiment, the data cannot be used, or the loss is no number
            any more.
    """
    reporter = reporter or Reporter()
    run = Path(run)
    if init_from:
        recipe = adopt_model(recipe, init_from, reporter.warn)
    elif recipe.training.objective == "self_critical":
        raise UserError(
            f"{recipe.name} learns from the captions that a model writes already: give one with --init-from PRESET."
        )
    progress = begin_run(recipe, run)
    dataset = open_captions(data, recipe.source, reporter.log)
    check_same_data(dataset, run)
    _check_selection(recipe, dataset)
    for name in unused_settings(recipe.decoder):
        reporter.warn(f"decoder.{name} means nothing to the decoder {recipe.decoder.name}; it is left out.")
    vocabulary = Vocabulary.load(run / WORDS, recipe.text.tokenizer) if (run / WORDS).is_file() else None
    keras.utils.set_random_seed(recipe.training.seed)  # of the first weights and of dropout
    # A run that was stopped before its first checkpoint begins again, with the same weights.
    start_from = init_from if progress is None else None
    prepared = prepare_model(recipe, dataset, start_from, encoder_weights, vocabulary)
    if progress is not None:
        check_same_networks(run, prepared.captioner.encoder, init_from, reporter.warn)
    if progress is None:
        begin_words(prepared, init_from, reporter.log)
    if init_from_language and progress is None:
        language = LanguageModel.from_preset(init_from_language)
        copied = warm_start_decoder(prepared.captioner.decoder, prepared.captioner.vocabulary, language)
        reporter.log(f"From {init_from_language}: {', '.join(copied)}")
    if vocabulary is None:
        keep_recipe(recipe, run)
        keep_data(dataset, run, prepared.captioner.encoder, init_from)
        prepared.captioner.vocabulary.save(run / (WORDS + ".part"))
        os.replace(run / (WORDS + ".part"), run / WORDS)
    reporter.log(f"{dataset.name}: " + ", ".join(f"{count:,} {split}" for split, count in dataset.splits().items()))
    with reporter.images("Features") as advance:
        prepare_sources(prepared, cache, advance, reporter.log)
    if progress is None and not init_from:
        fit_components(prepared.captioner.encoder, prepared.batches.source, reporter.log)
    reporter.problems(prepared.problems)
    task = CaptionTask(prepared, reporter)
    loop = TrainingLoop(task, recipe.training, run, progress, reporter)
    reporter.log(
        f"{task.network.count_params():,} parameters, {len(prepared.captioner.vocabulary):,} words, "
        f"{task.batches.steps:,} steps an epoch"
    )
    loop.run_epochs()
    return run


def _check_selection(recipe: Recipe, dataset: DataSet) -> None:
    """Refuses a score that this data cannot have, before hours are spent on an epoch."""
    metric = selection_metric(recipe.training.select_by)
    if issubclass(metric, DataMetric) and not metric.applies(dataset, "dev") and "dev" in dataset.splits():
        raise UserError(
            f"training.select_by = {recipe.training.select_by!r} is a score of the data set {metric.dataset}, and "
            f"{dataset.root} is {dataset.name}. Choose another one: --set training.select_by=bleu_4 (or cider_d, "
            "rouge_l)."
        )


class CaptionTask:
    """Learns the training captions; is judged by what it writes about the development images.

    Args:
        prepared: data and model.
        reporter: where samples are told.
    """

    def __init__(self, prepared: Prepared, reporter: Reporter):
        self.prepared, self.reporter = prepared, reporter
        self.captioner, self.batches = prepared.captioner, prepared.batches
        self.data_facts = data_facts(prepared.dataset)
        self.settings = prepared.recipe.training
        self.network = compile_captioner(prepared, self.batches.steps)

    def judge(self, epoch: int, loss: float) -> EvalResult:
        """Decodes the development captions freely and scores them."""
        if self.prepared.dev_source is None:
            return EvalResult({}, "loss (there is no development split to decode)", -loss)
        scores, name = self._decode(epoch), self.settings.select_by
        if isinstance(self.batches, SelfCriticalBatches):
            scores["reward"] = self.batches.mean_reward()
        if name not in scores:
            raise UserError(f"training.select_by = {name!r} is not a score of this data: {', '.join(scores)}.")
        return EvalResult(scores, name, selection_metric(name).selection_value(name, scores))

    def _decode(self, epoch: int) -> dict[str, float]:
        examples = self.prepared.dev_examples
        written = decode_source(
            self.captioner,
            self.prepared.dev_source,
            num_beams=self.settings.evaluate_num_beams,
            batch_size=self.settings.evaluate_batch_size,
        )
        predictions = {examples[index].id: captions[0].text for index, captions in written.items()}
        tokenizer, select_by = self.captioner.settings.text.tokenizer, self.settings.select_by
        report = score_split(self.prepared.dataset, examples, predictions, tokenizer, select_by)
        distinct = len(set(predictions.values())) / max(len(predictions), 1)
        for line in sample_captions(examples, predictions, epoch):
            self.reporter.log(line)
        if distinct < COLLAPSED and len(predictions) >= 100:
            self.reporter.warn(
                f"Only {distinct:.1%} of the captions are distinct: the decoder says much the same of every image. "
                "That is usual in the first epoch; later, lower training.learning_rate."
            )
        return {**report.scores, "distinct_captions": distinct}

    def save_to_preset(self, folder: Path, facts: dict[str, Any]) -> None:
        self.captioner.save_to_preset(
            folder,
            {
                "recipe": self.prepared.recipe.name,
                "data_set": self.data_facts,
                **facts,
                "scores": {**facts["scores"], "num_beams": self.settings.evaluate_num_beams},
            },
        )


def compile_captioner(prepared: Prepared, steps_per_epoch: int) -> keras.Model:
    """The captioner's layers as a network with losses and optimizer, all variables made."""
    training, captioner = prepared.recipe.training, prepared.captioner
    cross_entropy = training.objective == "cross_entropy"
    network = TrainingNetwork(
        captioner.image_encoder,
        captioner.decoder,
        attention_penalty=training.attention_penalty,
        dropout_in_training=cross_entropy or training.learn_with_dropout,
        greedy_scheduled_sampling=training.own_words_by == "likeliest",
        name="captioner",
    )
    if cross_entropy:
        loss = MaskedCrossEntropy(training.label_smoothing)
    else:
        loss = PolicyGradient(never=(*SUPPRESSED, START), end_id=END, temperature=training.temperature)
    return compile_network(network, training, loss, steps_per_epoch)
