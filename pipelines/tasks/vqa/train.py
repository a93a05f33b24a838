"""Training a network that answers questions."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioner.errors import UserError
from captioner.metrics import ANSWER_METRICS, available_metrics
from captioner.text.answers import with_blanks
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from captioner.training.soft_targets import SoftCrossEntropy, base_rate_logits
from pipelines.data.examples import Problem, QuestionExample
from pipelines.data.features.extract import FeatureExtraction
from pipelines.data.features.sources import NoiseSource
from pipelines.data.majority_answers import count_answers, most_frequent, most_frequent_of_type
from pipelines.data.open import open_questions
from pipelines.data.provenance import data_facts
from pipelines.data.wordless import without_wordless
from pipelines.evaluation.answer_metrics import ceiling
from pipelines.evaluation.metrics import metric_classes, scores_of, selection_metric
from pipelines.tasks.vqa.answer import answer_split
from pipelines.tasks.vqa.build import IGNORE_INDEX, build_visual_qa, learned_questions, make_batches
from pipelines.tasks.vqa.images import NoImages, QuestionsByImage
from pipelines.tasks.vqa.settings import VisualQARecipe
from pipelines.training.development_loss import development_loss
from pipelines.training.experiment import Experiment, no_development
from pipelines.training.known_words import check_learned, check_lengths
from pipelines.training.loop import EvalResult, compile_network
from pipelines.training.pretrained_embeddings import load_pretrained_embeddings
from pipelines.training.principal_components import fit_components
from pipelines.training.resume_guard import DataIdentity
from pipelines.utils.progress import Reporter

(_EXACT,) = scores_of(["exact_match"])


class VisualQAExperiment(Experiment):
    """Learns the training questions, and is evaluated by its answers to the development questions.

    Args:
        recipe: what to train.
        data: folder of the data set; the recipe's own where it is None.
        cache: folder where features of frozen networks are kept.
        encoder_weights: file with the frozen network's weights.
        reporter: where progress is logged.

    Raises:
        UserError: settings do not go together.
    """

    def __init__(
        self,
        recipe: VisualQARecipe,
        *,
        data: Path | None = None,
        cache: Path = Path("cache"),
        encoder_weights: Path | None = None,
        reporter: Reporter | None = None,
    ):
        super().__init__(recipe, reporter)
        _check_targets(recipe)
        self.data, self.cache, self.encoder_weights = data, cache, encoder_weights

    def open_data(self) -> DataIdentity:
        recipe = self.recipe
        settings = recipe.data
        self.dataset = open_questions(
            self.data, recipe.source, self.reporter.log, settings.development_share, settings.choices
        )
        return DataIdentity.of(self.dataset)

    def build(self, words: Vocabulary | None) -> None:
        examples, self.wordless = without_wordless(self.dataset.examples, get_tokenizer(self.recipe.text.tokenizer))
        dataset = dataclasses.replace(self.dataset, examples=examples)
        train = learned_questions(dataset, by_member=self.recipe.data.sets == "members")
        dev = dataset.split("dev") if "dev" in dataset.splits() else ()
        self.questions = QuestionsByImage.of(train)
        self.dev = QuestionsByImage.of(dev) if dev else None
        self.model = build_visual_qa(self.recipe, train, self.dataset.root, self.encoder_weights)
        self.encoder, self.vocabulary = self.model.encoder, self.model.vocabulary
        if self.model.network.questions is not None:
            asked, text = [example.question for example in train], self.recipe.text
            check_learned(asked, self.vocabulary, self.reporter.warn)
            check_lengths(asked, text.tokenizer, text.max_words, "text.max_words", self.reporter.warn)
        vectors, network = self.recipe.data.vectors, self.model.network
        if self.recipe.training.targets == "soft" and not self.resumed:
            answers_of = [example.answers for example in train]
            network.head.levels[-1].bias.assign(base_rate_logits(answers_of, self.model.answers))
        if vectors and not self.resumed and network.questions is not None:
            embedding, known = network.questions.embedding, self.model.vocabulary.words
            self.reporter.log(load_pretrained_embeddings(embedding, known, vectors, "question.embedding_size"))

    def prepare_batches(self) -> None:
        """Opens the images of both splits, computing features where they are missing.

        Raises:
            UserError: nothing can be learned from: no image can be read, or no answer is in the list.
        """
        dataset, log, sees = self.dataset, self.reporter.log, self.model.network.image_encoder is not None
        log(f"{dataset.name}: " + ", ".join(f"{count:,} {split}" for split, count in dataset.splits().items()))
        for note in dataset.notes:
            log(note)
        problems = [*dataset.problems, *self.wordless]
        with self.reporter.images("Features") as advance:
            if self.dev:
                more = self.dev.open(self.encoder, self.cache, sees, advance, log)
                problems += more
                self._check_development(more)
            problems += self.questions.open(self.encoder, self.cache, sees, advance, log)
        self._compile()
        self.dev_batches = make_batches(self.recipe, self.model, self.dev) if self.dev else None
        if not self.resumed and sees:
            fit_components(self.encoder, self.questions.source, log)
        self.reporter.problems(problems)
        self._log_baselines()

    def prepare_dry_run(self) -> str:
        parts = list(filter(None, (self.questions, self.dev)))
        sees = self.model.network.image_encoder is not None
        for questions in parts:
            count = len(questions.images)
            questions.source = NoiseSource(self.encoder.backbone_shape, count) if sees else NoImages(count)
        self._compile()
        if not sees:
            return "none: the network does not see the images"
        if not self.encoder.cacheable:
            return "none are kept: the encoder is trained"
        return str(FeatureExtraction(self.encoder, [path for part in parts for path in part.images], self.cache).plan)

    def _compile(self) -> None:
        """Makes the batches, and the network that learns from them."""
        self.batches = make_batches(self.recipe, self.model, self.questions)
        if not self.batches.steps:
            raise UserError(f"None of the training questions in {self.dataset.root} can be used.")
        self.network = compile_network(self.model.network, self.recipe.training, self._loss(), self.batches.steps)

    def _check_development(self, problems: Sequence[Problem]) -> None:
        """Scores empty answers: what fails after an epoch fails before the first step.

        Args:
            problems: with the development images.

        Raises:
            UserError: no question can be scored, or there is no such score.
        """
        dev = self.dev
        readable = np.flatnonzero(dev.source.readable)
        usable = [dev.examples[number] for image in readable for number in dev.questions[image]]
        if not any(example.answers for example in usable):
            raise no_development("question", "has answers and an image that can be read", self.dataset.root, problems)
        self._evaluated(score_answers(usable, {example.id: "" for example in usable}, self.recipe.training.select_by))

    def _loss(self):
        if self.recipe.training.targets == "soft":
            return SoftCrossEntropy()
        pad = self.model.vocabulary.pad_id if self.model.network.writes else IGNORE_INDEX
        return MaskedCrossEntropy(self.recipe.training.label_smoothing, pad_id=pad)

    def _log_baselines(self) -> None:
        """Logs what the development questions can be answered with: the list's ceiling, and the majority baselines."""
        dev = [example for example in self.dev.examples if example.answers] if self.dev else []
        answers = self.model.answers
        if answers is not None and dev:
            reach = _EXACT.text_of(ceiling(answers, dev))
            self.reporter.log(f"{_EXACT.label} of the best choice from the list of {len(answers):,} answers: {reach}")
        if dev:
            counted = count_answers(self.questions.examples)
            guesses = {"the most frequent answer": most_frequent, "that of each question type": most_frequent_of_type}
            parts = [
                f"{name} {_EXACT.text_of(score_answers(dev, guess(counted, dev)))}" for name, guess in guesses.items()
            ]
            self.reporter.log(f"{_EXACT.label} without looking: {', '.join(parts)}")

    def evaluate(self, epoch: int, loss: float) -> EvalResult:
        """Answers the development questions, scores the answers, and computes the loss of those it could give."""
        dev = self.dev
        if dev is None:
            return EvalResult({}, "loss (there is no development split to answer)", -loss)
        answers_of = answer_split(self.model, dev, batch_size=self.recipe.training.evaluate_batch_size)
        texts = {key: answers[0].text if answers else "" for key, answers in answers_of.items()}
        dev_loss = development_loss(self.network, self.dev_batches)
        scores = {} if dev_loss is None else {"dev_loss": dev_loss}
        result = self._evaluated(scores | score_answers(dev.examples, texts, self.recipe.training.select_by))
        self._log_samples(texts, epoch)
        return result

    def _evaluated(self, scores: dict[str, float]) -> EvalResult:
        name = self.recipe.training.select_by
        if name not in scores:
            raise UserError(f"training.select_by = {name!r} is not a score of this data: {', '.join(scores)}.")
        return EvalResult(scores, name, selection_metric(name, [ANSWER_METRICS]).selection_value(name, scores))

    def _log_samples(self, texts: Mapping[str, str], epoch: int) -> None:
        """Logs scores by type, and a few questions with their answers; others every epoch."""
        known = [example for example in self.dev.examples if example.answers and example.id in texts]
        types = sorted({example.type for example in known})
        if len(types) > 1:
            scores = {name: score_answers([each for each in known if each.type == name], texts) for name in types}
            parts = [f"{name or '(none)'} {_EXACT.text_of(of_type)}" for name, of_type in scores.items()]
            self.reporter.log(f"    {_EXACT.label}: {'  '.join(parts)}")
        for number in np.random.default_rng(epoch).integers(0, len(known), 3):
            example = known[number]
            answer = texts[example.id]
            self.reporter.log(f"    {example.id}: {example.question} {answer} ({with_blanks(example.answers[0])})")

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        self.model.save_to_preset(folder, {"recipe": self.recipe.name, "data_set": data_facts(self.dataset), **facts})


def _check_targets(recipe: VisualQARecipe) -> None:
    if recipe.training.targets == "soft" and recipe.answer.name == "words":
        raise UserError("training.targets = 'soft' goes with answer.name = 'classes': words are learned one by one.")
    if recipe.training.targets == "soft" and recipe.data.sets == "members":
        raise UserError("training.targets = 'soft' learns from all people's answers, data.sets = 'members' from one.")


def score_answers(
    examples: Sequence[QuestionExample], predictions: Mapping[str, str], select_by: str = "exact_match"
) -> dict[str, float]:
    """Scores of the fast metrics that these questions allow, and of the metric of `select_by`."""
    scored = [example for example in examples if example.answers and example.id in predictions]
    if not scored:
        raise UserError("None of the development questions has an answer that is known.")
    wanted = selection_metric(select_by, [ANSWER_METRICS])
    classes = metric_classes([ANSWER_METRICS])
    names = [name for name, metric in classes.items() if metric.in_training or metric is wanted]
    answers = [example.answers for example in scored]
    metrics, notes = available_metrics(ANSWER_METRICS, names, answers)
    if notes and not any(isinstance(metric, wanted) for metric in metrics.values()):
        raise UserError(" ".join(notes))
    scores = {}
    for metric in metrics.values():
        scores |= metric.combine(metric.rows([predictions[example.id] for example in scored], answers))
    return scores
