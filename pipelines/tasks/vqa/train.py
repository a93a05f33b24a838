"""Training a network that answers questions: one command, which goes on where it was stopped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from captioner.errors import UserError
from captioner.metrics import ANSWER_METRICS, available_metrics
from captioner.training.losses import MaskedCrossEntropy
from captioner.training.soft_targets import SoftCrossEntropy
from pipelines.data.examples import QuestionExample
from pipelines.data.majority_answers import count_answers, most_frequent, most_frequent_of_type
from pipelines.data.open import open_questions
from pipelines.data.provenance import data_facts
from pipelines.evaluation.answer_metrics import ceiling
from pipelines.evaluation.metrics import metric_classes, selection_metric
from pipelines.tasks.vqa.answer import answer_split
from pipelines.tasks.vqa.build import NOTHING, PreparedQuestions, prepare_images, prepare_questions
from pipelines.tasks.vqa.settings import VisualQARecipe
from pipelines.training.loop import EvalResult, TrainingLoop, compile_network
from pipelines.training.pretrained_embeddings import load_pretrained_embeddings
from pipelines.training.principal_components import fit_components
from pipelines.training.resume_guard import check_same_data, check_same_networks, keep_data
from pipelines.training.run_folder import begin_run, keep_recipe
from pipelines.utils.progress import Reporter


def train(
    recipe: VisualQARecipe,
    run: Path,
    *,
    data: Path | None = None,
    cache: Path = Path("cache"),
    encoder_weights: Path | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Trains a recipe into a run folder, or goes on with the training that is there.

    After each epoch the development questions are answered and scored; the preset in the run folder is always that of
    the best epoch so far.

    Args:
        recipe: what to train.
        run: folder of the run.
        data: folder of the data set; the recipe's own where it is not given.
        cache: folder where features of frozen networks are kept.
        encoder_weights: file with the frozen network's weights.
        reporter: where progress is told.

    Raises:
        UserError: the run folder holds another experiment, the data cannot be used, or the loss is no number any more.
    """
    reporter = reporter or Reporter()
    run = Path(run)
    _check_targets(recipe)
    progress = begin_run(recipe, run)
    dataset = open_questions(data, recipe.source, reporter.log, recipe.data.development_share)
    check_same_data(dataset, run)
    keras.utils.set_random_seed(recipe.training.seed)  # of the first weights and of dropout
    prepared = prepare_questions(recipe, dataset, encoder_weights)
    if progress is None:
        _begin_words(prepared, reporter)
    else:
        check_same_networks(run, prepared.model.encoder, None, reporter.warn)
    keep_recipe(recipe, run)
    keep_data(dataset, run, prepared.model.encoder)
    reporter.log(f"{dataset.name}: " + ", ".join(f"{count:,} {split}" for split, count in dataset.splits().items()))
    for note in dataset.notes:
        reporter.log(note)
    with reporter.images("Features") as advance:
        prepare_images(prepared, cache, advance, reporter.log)
    if progress is None and prepared.model.network.image_encoder is not None:
        fit_components(prepared.model.encoder, prepared.train.source, reporter.log)
    reporter.problems(prepared.problems)
    tell_ceiling(prepared, reporter)
    task = VisualQATask(prepared, reporter)
    loop = TrainingLoop(task, recipe.training, run, progress, reporter)
    reporter.log(
        f"{task.network.count_params():,} parameters, {len(prepared.model.vocabulary):,} words, "
        f"{task.batches.steps:,} steps an epoch"
    )
    loop.run_epochs()
    return run


def _check_targets(recipe: VisualQARecipe) -> None:
    if recipe.training.targets == "soft" and recipe.answer.name == "words":
        raise UserError("training.targets = 'soft' goes with answer.name = 'classes': words are learned one by one.")
    if recipe.training.targets == "soft" and recipe.data.sets == "members":
        raise UserError("training.targets = 'soft' learns from all people's answers, data.sets = 'members' from one.")


def _begin_words(prepared: PreparedQuestions, reporter: Reporter) -> None:
    """Begins the question's words with the vectors that the recipe names, if it names any."""
    path, model = prepared.recipe.data.vectors, prepared.model
    if path and model.network.questions is not None:
        embedding, words = model.network.questions.embedding, model.vocabulary.words
        reporter.log(load_pretrained_embeddings(embedding, words, path, "question.embedding_size"))


def tell_ceiling(prepared: PreparedQuestions, reporter: Reporter) -> None:
    """Says what the development questions can be answered with: the list's ceiling, and what guessing earns."""
    if prepared.dev is None:
        return
    dev = [example for example in prepared.dev.examples if example.answers]
    answers = prepared.model.answers
    if answers is not None and dev:
        reach = ceiling(answers, dev)["exact_match"]
        reporter.log(f"{len(answers):,} answers to choose from; they reach {reach:.1%} of the development questions")
    if dev:
        counted = count_answers(prepared.train.examples)
        guesses = {"the most frequent answer": most_frequent, "that of each question type": most_frequent_of_type}
        told = [
            f"{name} {score_answers(dev, guess(counted, dev))['exact_match']:.1%}" for name, guess in guesses.items()
        ]
        reporter.log(f"Without looking: {', '.join(told)}")


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
    metrics, _ = available_metrics(ANSWER_METRICS, names, answers)
    scores = {}
    for metric in metrics.values():
        scores |= metric.combine(metric.rows([predictions[example.id] for example in scored], answers))
    return scores


class VisualQATask:
    """Learns the training questions; is judged by its answers to the development questions.

    Args:
        prepared: data and model.
        reporter: where samples are told.
    """

    def __init__(self, prepared: PreparedQuestions, reporter: Reporter):
        self.prepared, self.reporter = prepared, reporter
        self.model, self.batches = prepared.model, prepared.batches
        self.data_facts = data_facts(prepared.dataset)
        self.settings = prepared.recipe.training
        self.network = compile_network(self.model.network, self.settings, self._loss(), self.batches.steps)

    def _loss(self):
        if self.settings.targets == "soft":
            return SoftCrossEntropy()
        pad = self.model.vocabulary.pad_id if self.model.network.writes else NOTHING
        return MaskedCrossEntropy(self.settings.label_smoothing, pad_id=pad)

    def judge(self, epoch: int, loss: float) -> EvalResult:
        """Answers the development questions and scores the answers."""
        dev = self.prepared.dev
        if dev is None:
            return EvalResult({}, "loss (there is no development split to answer)", -loss)
        found = answer_split(self.model, dev, batch_size=self.settings.evaluate_batch_size)
        given = {key: answers[0].text if answers else "" for key, answers in found.items()}
        scores, name = score_answers(dev.examples, given, self.settings.select_by), self.settings.select_by
        if name not in scores:
            raise UserError(f"training.select_by = {name!r} is not a score of this data: {', '.join(scores)}.")
        self._tell(given, epoch)
        return EvalResult(scores, name, selection_metric(name, [ANSWER_METRICS]).selection_value(name, scores))

    def _tell(self, given: Mapping[str, str], epoch: int) -> None:
        """Scores by type, and a few questions with their answers; others every epoch."""
        known = [one for one in self.prepared.dev.examples if one.answers and one.id in given]
        types = sorted({one.type for one in known})
        if len(types) > 1:
            of_type = {t: score_answers([one for one in known if one.type == t], given)["exact_match"] for t in types}
            self.reporter.log("    " + "  ".join(f"{t or '(none)'} {100 * share:.1f}" for t, share in of_type.items()))
        for number in np.random.default_rng(epoch).integers(0, len(known), 3):
            one = known[number]
            self.reporter.log(f"    {one.id}: {one.question} {given[one.id]} ({one.answers[0]})")

    def save_to_preset(self, folder: Path, facts: dict[str, Any]) -> None:
        self.model.save_to_preset(
            folder,
            {
                "recipe": self.prepared.recipe.name,
                "data_set": self.data_facts,
                **facts,
            },
        )
