"""Training a network over sequences."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from captioner.errors import UserError
from captioner.files import atomic_file, atomic_write
from captioner.metrics.base import Prominence
from captioner.models.sequences.model import WRITES, SequenceModel, log_softmax
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from pipelines.evaluation.metrics import score_texts
from pipelines.tasks.sequences.baselines import NAMES, train_without_recurrence
from pipelines.tasks.sequences.batches import NONE, SequenceBatches, encode_examples
from pipelines.tasks.sequences.examples import SequenceExample, generate
from pipelines.tasks.sequences.moving import SIZE, save_clip
from pipelines.tasks.sequences.scores import score, selection_metric
from pipelines.tasks.sequences.settings import SequenceRecipe
from pipelines.tasks.sequences.tables import read_examples
from pipelines.training.experiment import Experiment
from pipelines.training.known_words import check_learned
from pipelines.training.loop import EvalResult, compile_network
from pipelines.training.resume_guard import DataIdentity
from pipelines.utils.progress import Reporter
from pipelines.utils.tables import write_csv

METRICS, PREDICTIONS, CLIP = "metrics.json", "predictions.csv", "clip.gif"


@dataclass
class SequenceData:
    """Examples with their splits."""

    name: str  # where they come from, without a path
    splits: dict[str, list[SequenceExample]]

    def identity(self) -> DataIdentity:
        """The identity of the data, which must not change while a run goes on."""
        digest = hashlib.sha256()
        for split, examples in self.splits.items():
            for example in examples:
                source = example.source.encode() if isinstance(example.source, str) else example.key
                digest.update(repr((split, len(source), example.target)).encode() + source)
        sizes = {split: len(examples) for split, examples in self.splits.items()}
        return DataIdentity(self.name, digest.hexdigest(), self.name, sizes, key="checksum")


def open_examples(recipe: SequenceRecipe, data: Path | None, reporter: Reporter) -> SequenceData:
    """The examples of a table, or those that the program makes."""
    source = data or recipe.data.directory
    if not source:
        splits = generate(recipe.task, recipe.data.seed, recipe.data.sizes.model_dump())
        return SequenceData(f"Examples of {recipe.task}, made with seed {recipe.data.seed}", splits)
    splits, problems = read_examples(Path(source), recipe.task, recipe.text.tokenizer)
    if recipe.task == "describe":
        _leave_out_unknown_facts(splits, reporter)
    reporter.problems(problems, rest="more problems.")
    return SequenceData(Path(source).resolve().name, splits)


def _leave_out_unknown_facts(splits: dict[str, list[SequenceExample]], reporter: Reporter) -> None:
    """A network has no input for facts that the training rows do not hold."""
    known = {fact for example in splits["train"] for fact in example.source.split()}
    for split in ("dev", "test"):
        before = len(splits[split])
        splits[split] = [example for example in splits[split] if known.issuperset(example.source.split())]
        if count := before - len(splits[split]):
            reporter.warn(f"{count:,} rows of {split} with facts that no training row holds were left out.")
    if not splits["dev"]:
        raise UserError("No row of dev is left whose facts the training rows hold; without any nothing can be learned.")


def build_model(recipe: SequenceRecipe, train: list[SequenceExample]) -> SequenceModel:
    """A model whose words, labels and facts are those of the training split.

    Raises:
        UserError: there are not two different labels.
    """
    task, text = recipe.task, recipe.text
    if task in WRITES:
        texts, known = [example.target for example in train], {}
        if task == "translate":
            texts += [example.source for example in train]
        else:
            known = {"facts": tuple(sorted({fact for example in train for fact in example.source.split()}))}
    else:
        labels = tuple(sorted({label for example in train for label in example.target}))
        if len(labels) < 2:
            raise UserError(f"There is only one label in the training split ({labels[0]!r}); two are needed at least.")
        known = {"labels": labels, **({"frame_size": SIZE} if task == "frames" else {})}
        texts = [example.source for example in train if isinstance(example.source, str)]
    vocabulary = Vocabulary.from_captions(texts, text.tokenizer, text.minimum_count, text.maximum_size)
    return SequenceModel(recipe.model(**known), vocabulary)


class SequenceExperiment(Experiment):
    """Learns the training examples, and is evaluated by its predictions for the development examples.

    At the end `metrics.json` and `predictions.csv` hold the best model's results on the test split.

    Args:
        data: a table or a folder with one; examples are generated where neither it nor the recipe names any.
        recipe, reporter: see `Experiment`.
    """

    def __init__(self, recipe: SequenceRecipe, *, data: Path | None = None, reporter: Reporter | None = None):
        super().__init__(recipe, reporter)
        self.source = data
        self.writes = recipe.task in WRITES

    def open_data(self) -> DataIdentity:
        self.data = open_examples(self.recipe, self.source, self.reporter)
        return self.data.identity()

    def build(self, words: Vocabulary | None) -> None:
        splits, training = self.data.splits, self.recipe.training
        self.model = build_model(self.recipe, splits["train"])
        self.vocabulary = self.model.vocabulary
        self._check_words()
        self.ignored = self.model.vocabulary.pad_id if self.writes else NONE
        inputs, targets = encode_examples(self.model, splits["train"], self._length())
        self.batches = SequenceBatches(inputs, targets, self.ignored, training.batch_size, training.seed)
        loss = MaskedCrossEntropy(pad_id=self.ignored)
        self.network = compile_network(self.model.network, training, loss, self.batches.steps)
        self.dev = encode_examples(self.model, splits["dev"])
        if not np.any(self.dev[1] != self.ignored):
            raise UserError(f"No development example of {self.data.name} has a label that a training example has.")
        self.selection_metric = selection_metric(self.recipe.task, splits["dev"])

    def _check_words(self) -> None:
        """Warns of words and a tokenizer that do not fit: of what is read, and of what is written."""
        train, describes = self.data.splits["train"], self.recipe.task == "describe"  # which reads facts
        texts = [] if describes else [example.source for example in train if isinstance(example.source, str)]
        texts += [example.target for example in train] if self.writes else []
        if texts:
            check_learned(texts, self.model.vocabulary, self.reporter.warn)

    def prepare_batches(self) -> None:
        sizes = ", ".join(f"{len(examples):,} {split}" for split, examples in self.data.splits.items())
        self.reporter.log(f"{self.data.name}: {sizes}")

    def report(self, run: Path) -> None:
        if self.data.splits["test"]:
            report_test(self, run)

    def _length(self) -> int | None:
        """Steps of a training sequence: those of the longest, but not above the recipe's limit."""
        train = self.data.splits["train"]
        if self.recipe.task in ("frames", "describe"):
            return None
        lengths, most = [len(self.model.words_of(example.source)) for example in train], self.recipe.text.max_length
        cut = sum(length > most for length in lengths)
        if cut:
            hint = "--set text.max_length=... takes more."
            self.reporter.warn(f"{cut:,} training texts are longer than {most} words and are cut there; {hint}")
        return min(max(lengths), most)

    def evaluate(self, epoch: int, loss: float) -> EvalResult:
        """Labels or writes about the development examples."""
        inputs, targets = self.dev
        scores = {"dev_loss": self._loss(self.model.logits(inputs), targets)}
        dev = self.data.splits["dev"]
        if self.writes:
            dev = dev[: self.recipe.training.evaluate_most]
        predictions = self.model.predict([example.source for example in dev])
        scores.update(score(self.recipe.task, dev, predictions, self.recipe.text.tokenizer))
        if self.writes:
            for number in (epoch * 2 % len(dev), (epoch * 2 + 1) % len(dev)):
                self.reporter.log(f"    {dev[number].source}  ->  {predictions[number].text}")
        return EvalResult(scores, self.selection_metric, scores[self.selection_metric])

    def _loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Mean cross-entropy in nats, as the training loss counts it."""
        targets = targets[:, : logits.shape[1]] if targets.ndim > 1 else targets
        real = targets != self.ignored
        right = np.take_along_axis(log_softmax(logits), np.maximum(targets, 0)[..., None], axis=-1)[..., 0]
        return float(-(right * real).sum() / max(real.sum(), 1))

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        data = self.data.identity().as_dict()
        self.model.save_to_preset(folder, {"recipe": self.recipe.name, "data_set": data, **facts})


def report_test(experiment: SequenceExperiment, run: Path) -> dict[str, Any]:
    """Scores the best model of a run, and a baseline without recurrence, on the test split.

    Returns:
        what is written to `metrics.json`.
    """
    recipe, test, reporter = experiment.recipe, experiment.data.splits["test"], experiment.reporter
    best = SequenceModel.from_preset(run)
    sources = [example.source for example in test]
    predictions = best.predict(sources)
    report: dict[str, Any] = {"recipe": recipe.name, "split": "test", "examples": len(test)}
    report["scores"] = score(recipe.task, test, predictions, recipe.text.tokenizer)
    reporter.log(f"Test, {len(test):,} examples: {_listed(report['scores'])}")
    if recipe.task in NAMES and recipe.training.baseline_epochs:
        epochs, seed = recipe.training.baseline_epochs, recipe.training.seed
        baseline = train_without_recurrence(best, experiment.batches, epochs, seed)
        report["without_recurrence"] = score(recipe.task, test, baseline.predict(sources), recipe.text.tokenizer)
        reporter.log(f"Without recurrence ({NAMES[recipe.task]}): {_listed(report['without_recurrence'])}")
    atomic_write(run / METRICS, json.dumps(report, indent=2) + "\n")
    rows = [
        {
            "source": example.source if isinstance(example.source, str) else "",
            "expected": example.target if isinstance(example.target, str) else " ".join(example.target),
            "predicted": prediction.text if experiment.writes else " ".join(prediction.labels),
            "score": round(prediction.score, 4),
        }
        for example, prediction in zip(test, predictions, strict=True)
    ]
    write_csv(rows, run / PREDICTIONS, list(rows[0]))
    if recipe.task == "frames":
        with atomic_file(run / CLIP) as file:
            save_clip(test[0].source, file, scale=4)
    return report


def _listed(scores: dict[str, float]) -> str:
    return ", ".join(score_texts(scores, Prominence.HEADLINE))
