"""Training a captioner: one command, which goes on where it was stopped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from captioner.errors import UserError
from captioner.images.augment import augmentations_of
from captioner.models.base.build import unused_settings
from captioner.models.base.decode_step import END, START, SUPPRESSED
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.networks import CaptionNetwork
from captioner.models.captioning.training_network import TrainingNetwork
from captioner.models.captioning.warm_start import warm_start_decoder
from captioner.models.language.language_model import LanguageModel
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from captioner.training.policy_gradient import PolicyGradient
from pipelines.data.examples import CaptionExample, DataSet, Problem
from pipelines.data.features.augmented import open_augmented, plan_augmented
from pipelines.data.features.extract import FeatureExtraction
from pipelines.data.features.sources import NoiseSource, Source, open_source
from pipelines.data.open import open_captions
from pipelines.data.provenance import data_facts
from pipelines.data.wordless import without_wordless
from pipelines.evaluation.data_metrics import DataMetric
from pipelines.evaluation.metrics import score_split, selection_metric
from pipelines.inference.batch_captioning import decode_source
from pipelines.tasks.captioning.batches import CaptionBatches
from pipelines.tasks.captioning.build import adopt_model, build_captioner, make_batches
from pipelines.tasks.captioning.self_critical import SelfCriticalBatches
from pipelines.tasks.captioning.settings import Recipe, TrainingSettings
from pipelines.training.development_loss import development_loss
from pipelines.training.experiment import Experiment, no_development
from pipelines.training.history import sample_captions
from pipelines.training.known_words import check_learned, check_lengths
from pipelines.training.loop import EvalResult, compile_network
from pipelines.training.pretrained_embeddings import load_pretrained_embeddings
from pipelines.training.principal_components import fit_components
from pipelines.training.resume_guard import DataIdentity
from pipelines.utils.progress import Reporter

COLLAPSED = 0.05  # share of distinct captions under which they say little about the images


class CaptioningExperiment(Experiment):
    """Learns the training captions, and is evaluated by what it writes about the development images.

    Args:
        recipe: what to train.
        data: folder of the data set; the recipe's own where it is None.
        cache: folder where features of frozen networks are kept.
        init_from: preset to begin with.
        init_from_language: preset of a language model whose words, cells and output layer the decoder begins with.
        encoder_weights: file with the frozen network's weights.
        reporter: where progress is logged.

    After each epoch the loss of development captions is computed, and they are decoded freely and scored.

    Raises:
        UserError: the recipe learns from captions that a model writes, and there is none to begin with.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        data: Path | None = None,
        cache: Path = Path("cache"),
        init_from: Path | None = None,
        init_from_language: Path | None = None,
        encoder_weights: Path | None = None,
        reporter: Reporter | None = None,
    ):
        super().__init__(recipe, reporter)
        if recipe.training.objective == "self_critical" and not init_from:
            raise UserError(
                f"{recipe.name} learns from the captions that a model writes already: give one with --init-from PRESET."
            )
        if init_from:
            self.recipe = adopt_model(recipe, init_from, self.reporter.warn)
        self.data, self.cache, self.encoder_weights = data, cache, encoder_weights
        self.init_from, self.init_from_language = init_from, init_from_language
        self.dev_source: Source | None = None
        self.dev_batches: CaptionBatches | None = None

    def open_data(self) -> DataIdentity:
        self.dataset = open_captions(self.data, self.recipe.source, self.reporter.log)
        _check_selection(self.recipe, self.dataset)
        tokenizer, dev = get_tokenizer(self.recipe.text.tokenizer), "dev" in self.dataset.splits()
        self.train_examples, wordless = without_wordless(self.dataset.split("train"), tokenizer)
        self.dev_examples, more = without_wordless(self.dataset.split("dev") if dev else (), tokenizer)
        self.problems = [*self.dataset.problems, *wordless, *more]
        if not any(example.captions for example in self.train_examples):
            raise UserError(f"The training split of {self.dataset.root} holds no captions to learn from.")
        for name in unused_settings(self.recipe.decoder):
            self.reporter.warn(
                f"decoder.{name} means nothing to the decoder {self.recipe.decoder.name}; it is left out."
            )
        return DataIdentity.of(self.dataset)

    def build(self, words: Vocabulary | None) -> Vocabulary:
        captions = [caption for example in self.train_examples for caption in example.captions]
        # A run that was stopped before its first checkpoint begins again, with the same weights.
        start_from = None if self.resumed else self.init_from
        self.captioner = build_captioner(self.recipe, captions, start_from, self.encoder_weights, words)
        self.encoder = self.captioner.encoder
        check_learned(captions, self.captioner.vocabulary, self.reporter.warn)
        text = self.recipe.text
        check_lengths(captions, text.tokenizer, text.max_length - 2, "text.max_length", self.reporter.warn)
        if not self.resumed:
            self._start_words()
        self.vocabulary = self.captioner.vocabulary
        return self.vocabulary

    def _start_words(self) -> None:
        """Begins the decoder with word vectors or a language model, where the recipe or the user names any."""
        captioner, vectors = self.captioner, self.recipe.data.vectors
        if vectors and self.init_from:
            self.reporter.log(f"{vectors} is not used: the words of {self.init_from} have vectors already")
        elif vectors:
            embedding, words = captioner.decoder.embedding, captioner.vocabulary.words
            self.reporter.log(load_pretrained_embeddings(embedding, words, vectors, "decoder.embedding_size"))
        if self.init_from_language:
            language = LanguageModel.from_preset(self.init_from_language)
            copied = warm_start_decoder(captioner.decoder, captioner.vocabulary, language)
            self.reporter.log(f"From {self.init_from_language}: {', '.join(copied)}")

    def prepare_batches(self) -> None:
        """Opens the images of both splits, computing features where they are missing."""
        dataset, training, log = self.dataset, self.recipe.training, self.reporter.log
        log(f"{dataset.name}: " + ", ".join(f"{count:,} {split}" for split, count in dataset.splits().items()))
        problems = self.problems
        with self.reporter.images("Features") as advance:
            if self.dev_examples:
                images = [example.image for example in self.dev_examples]
                self.dev_source, more = open_source(self.encoder, images, self.cache, advance, log)
                problems += more
                self._check_development(more)
            images, views = [example.image for example in self.train_examples], augmentations_of(training.augmentations)
            source, more = open_augmented(self.encoder, images, self.cache, views, training.seed, advance, log)
            problems += more
        self.compile(source)
        if self.dev_source is not None:
            self._prepare_development_loss()
        if not self.resumed and not self.init_from:
            fit_components(self.encoder, source, log)
        self.reporter.problems(problems)

    def _check_development(self, problems: Sequence[Problem]) -> None:
        """Scores empty captions: what fails after an epoch fails before the first step.

        Args:
            problems: with the development images.

        Raises:
            UserError: none of the images can be read and has captions, or there is no such score.
        """
        pairs = zip(self.dev_examples, self.dev_source.readable, strict=True)
        usable = [example for example, readable in pairs if readable and example.captions]
        if not usable:
            raise no_development("image", "has captions and can be read", self.dataset.root, problems)
        self._evaluated(self._scores(usable[:2], {example.id: "" for example in usable[:2]}))

    def prepare_dry_run(self) -> str:
        images = [example.image for example in self.train_examples]
        augmentations = augmentations_of(self.recipe.training.augmentations)
        self.compile(NoiseSource(self.encoder.backbone_shape, len(images)))
        if not self.encoder.cacheable:
            return "none are kept: the encoder is trained"
        everything = images + [example.image for example in self.dev_examples]
        plan = str(FeatureExtraction(self.encoder, everything, self.cache).plan)
        if len(augmentations) == 1:
            return plan
        return f"{plan} Other views: {plan_augmented(self.encoder, images, self.cache, augmentations[1:])}"

    def compile(self, source: Source) -> None:
        """Makes the batches and the network from the images of the training split.

        Raises:
            UserError: none of them can be read.
        """
        captions = [example.captions for example in self.train_examples]
        self.batches = make_batches(self.recipe, self.captioner, source, captions)
        if not self.batches.steps:
            raise UserError(f"None of the training images in {self.dataset.root} can be read.")
        self.network = compile_captioner(self.recipe.training, self.captioner, self.batches.steps)

    def _prepare_development_loss(self) -> None:
        """One caption of each development image, and a network that reads them: a hundredth of an epoch, or less."""
        training, captions = self.recipe.training, [example.captions for example in self.dev_examples]
        self.dev_batches = CaptionBatches(
            self.dev_source, captions, self.captioner.vocabulary, self.recipe.text.max_length,
            training.images_per_batch, 1, training.seed,
        )  # fmt: skip
        # Where the training loss is no cross-entropy, there is nothing for a smoothed one to be compared with.
        smoothing = 0.0 if training.objective == "self_critical" else training.label_smoothing
        self.reader = CaptionNetwork(self.captioner.image_encoder, self.captioner.decoder, name="development")
        # Without XLA, whose compilation takes longer than what it saves here.
        self.reader.compile(loss=MaskedCrossEntropy(smoothing), jit_compile=False)

    def _development_loss(self) -> dict[str, float]:
        loss = None if self.dev_batches is None else development_loss(self.reader, self.dev_batches)
        name = "dev_cross_entropy" if self.recipe.training.objective == "self_critical" else "dev_loss"
        return {} if loss is None else {name: loss}

    def evaluate(self, epoch: int, loss: float) -> EvalResult:
        """Reads development captions for their loss, and decodes them freely and scores them."""
        if self.dev_source is None:
            return EvalResult({}, "loss (there is no development split to decode)", -loss)
        scores = self._development_loss() | self._decode(epoch)
        if isinstance(self.batches, SelfCriticalBatches):
            scores["reward"] = self.batches.mean_reward()
        return self._evaluated(scores)

    def _evaluated(self, scores: dict[str, float]) -> EvalResult:
        name = self.recipe.training.select_by
        if name not in scores:
            raise UserError(f"training.select_by = {name!r} is not a score of this data: {', '.join(scores)}.")
        return EvalResult(scores, name, selection_metric(name).selection_value(name, scores))

    def _decode(self, epoch: int) -> dict[str, float]:
        examples = self.dev_examples
        written = decode_source(
            self.captioner,
            self.dev_source,
            num_beams=self.recipe.training.evaluate_num_beams,
            batch_size=self.recipe.training.evaluate_batch_size,
        )
        predictions = {examples[index].id: captions[0].text for index, captions in written.items()}
        scores = self._scores(examples, predictions)
        distinct = scores["distinct_captions"]
        for line in sample_captions(examples, predictions, epoch):
            self.reporter.log(line)
        if distinct < COLLAPSED and len(predictions) >= 100:
            self.reporter.warn(
                f"Only {distinct:.1%} of the captions are distinct: the decoder says much the same of every image. "
                "That is usual in the first epoch; later, lower training.learning_rate."
            )
        return scores

    def _scores(self, examples: Sequence[CaptionExample], predictions: dict[str, str]) -> dict[str, float]:
        tokenizer, select_by = self.captioner.settings.text.tokenizer, self.recipe.training.select_by
        report = score_split(self.dataset, examples, predictions, tokenizer, select_by)
        return {**report.scores, "distinct_captions": len(set(predictions.values())) / max(len(predictions), 1)}

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        self.captioner.save_to_preset(
            folder,
            {
                "recipe": self.recipe.name,
                "data_set": data_facts(self.dataset),
                **facts,
                "scores": {**facts["scores"], "num_beams": self.recipe.training.evaluate_num_beams},
            },
        )


def _check_selection(recipe: Recipe, dataset: DataSet) -> None:
    """Refuses a score that this data cannot have, before hours are spent on an epoch."""
    metric = selection_metric(recipe.training.select_by)
    if issubclass(metric, DataMetric) and not metric.applies(dataset, "dev") and "dev" in dataset.splits():
        raise UserError(
            f"training.select_by = {recipe.training.select_by!r} is a score of the data set {metric.drawing.name}, "
            f"and {dataset.root} is {dataset.name}. Choose another one: --set training.select_by=bleu_4 (or cider_d, "
            "rouge_l)."
        )


def compile_captioner(training: TrainingSettings, captioner: ImageCaptioner, steps_per_epoch: int) -> keras.Model:
    """The captioner's layers as a network with losses and optimizer, all variables made."""
    own_captions = training.objective == "self_critical"
    network = TrainingNetwork(
        captioner.image_encoder,
        captioner.decoder,
        attention_penalty=training.attention_penalty,
        dropout_in_training=training.learn_with_dropout or not own_captions,
        greedy_scheduled_sampling=training.scheduled_sampling.mode == "greedy",
        name="captioner",
    )
    if own_captions:
        loss = PolicyGradient(suppressed=(*SUPPRESSED, START), end_id=END, temperature=training.temperature)
    else:
        loss = MaskedCrossEntropy(training.label_smoothing)
    return compile_network(network, training, loss, steps_per_epoch)
