"""Training a network over sequences: one command, which goes on where it was stopped."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from captioner.errors import UserError
from captioner.metrics.base import Prominence
from captioner.models.sequences.model import WRITES, SequenceModel, log_softmax
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from pipelines.data.datasets.text import read_json
from pipelines.evaluation.metrics import scores_of
from pipelines.tasks.sequences.baselines import NAMES, train_without_recurrence
from pipelines.tasks.sequences.batches import NONE, SequenceBatches, encode_examples
from pipelines.tasks.sequences.examples import SequenceExample, generate
from pipelines.tasks.sequences.moving import SIZE, save_clip
from pipelines.tasks.sequences.scores import chooses, score
from pipelines.tasks.sequences.settings import SequenceRecipe
from pipelines.tasks.sequences.tables import read_examples
from pipelines.training.loop import EvalResult, TrainingLoop, compile_network
from pipelines.training.run_folder import begin_run, keep_recipe
from pipelines.utils.atomic_files import atomic_write
from pipelines.utils.progress import Reporter
from pipelines.utils.tables import write_csv

DATA, METRICS, PREDICTIONS, CLIP = "data.json", "metrics.json", "predictions.csv", "clip.gif"


@dataclass
class SequenceData:
    """Examples with their splits.

    name: where they come from, without a path.
    """

    name: str
    splits: dict[str, list[SequenceExample]]

    def facts(self) -> dict[str, Any]:
        """What must not change while a run goes on, as JSON can hold it."""
        digest = hashlib.sha256()
        for split, examples in self.splits.items():
            for example in examples:
                source = example.source.encode() if isinstance(example.source, str) else example.key
                digest.update(repr((split, len(source), example.target)).encode() + source)
        sizes = {split: len(examples) for split, examples in self.splits.items()}
        return {"name": self.name, "splits": sizes, "checksum": digest.hexdigest()}


def train(recipe: SequenceRecipe, run: Path, *, data: Path | None = None, reporter: Reporter | None = None) -> Path:
    """Trains a recipe into a run folder, or goes on with the training that is there, then scores the test split.

    The preset in the run folder is always that of the epoch that did best on the development split. At the end
    `metrics.json` and `predictions.csv` tell what the best model makes of the test split.

    Args:
        recipe: what to train.
        run: folder of the run.
        data: a table or a folder with one; examples are made by the program where neither it nor the recipe names any.
        reporter: where progress is told.

    Raises:
        UserError: the run folder holds another experiment, the data cannot be used, or the loss is no number any more.
    """
    reporter = reporter or Reporter()
    run = Path(run)
    progress = begin_run(recipe, run)
    examples = open_examples(recipe, data, reporter)
    _check_data(examples, run)
    keras.utils.set_random_seed(recipe.training.seed)  # of the first weights and of dropout
    model = build_model(recipe, examples.splits["train"])
    keep_recipe(recipe, run)
    atomic_write(run / DATA, json.dumps(examples.facts(), indent=2) + "\n")
    task = SequenceTask(recipe, model, examples, reporter)
    reporter.log(f"{examples.name}: " + ", ".join(f"{len(made):,} {split}" for split, made in examples.splits.items()))
    loop = TrainingLoop(task, recipe.training, run, progress, reporter)
    reporter.log(
        f"{task.network.count_params():,} parameters, {len(model.vocabulary):,} words, {task.batches.steps:,} steps an "
        "epoch"
    )
    loop.run_epochs()
    if examples.splits["test"]:
        report_test(task, run, reporter)
    return run


def open_examples(recipe: SequenceRecipe, data: Path | None, reporter: Reporter) -> SequenceData:
    """The examples of a table, or those that the program makes."""
    source = data or recipe.data.directory
    if not source:
        splits = generate(recipe.task, recipe.data.seed, recipe.data.sizes.model_dump())
        return SequenceData(f"Examples of {recipe.task}, made with seed {recipe.data.seed}", splits)
    splits, problems = read_examples(Path(source), recipe.task, recipe.text.tokenizer)
    if recipe.task == "describe":
        _leave_out_unknown_facts(splits, reporter)
    for problem in problems[:5]:
        reporter.warn(str(problem))
    if len(problems) > 5:
        reporter.warn(f"... and {len(problems) - 5:,} more problems.")
    return SequenceData(Path(source).resolve().name, splits)


def _leave_out_unknown_facts(splits: dict[str, list[SequenceExample]], reporter: Reporter) -> None:
    """A network has no input for a fact that it did not learn."""
    known = {fact for example in splits["train"] for fact in example.source.split()}
    for split in ("dev", "test"):
        kept = [example for example in splits[split] if known.issuperset(example.source.split())]
        if len(kept) < len(splits[split]):
            count = len(splits[split]) - len(kept)
            reporter.warn(f"{count:,} rows of {split} with facts that no training row holds were left out.")
        splits[split] = kept
    if not splits["dev"]:
        raise UserError("No row of dev is left whose facts the training rows hold; without any nothing can be learned.")


def _check_data(examples: SequenceData, run: Path) -> None:
    if (run / DATA).is_file():
        there = read_json(run / DATA)
        if not isinstance(there, dict) or not {"checksum", "name"} <= there.keys():
            raise UserError(f"{run / DATA} is damaged. Delete it if you are sure what {run} began with.")
        if there["checksum"] != examples.facts()["checksum"]:
            raise UserError(
                f"{run} was begun with other examples ({there['name']}). Give another folder with --out, or delete "
                "that one."
            )


def build_model(recipe: SequenceRecipe, train: list[SequenceExample]) -> SequenceModel:
    """A model whose words, labels and facts are those of the training split.

    Raises:
        UserError: there are not two different labels.
    """
    task, text = recipe.task, recipe.text
    if task in WRITES:
        found = {"facts": tuple(sorted({fact for one in train for fact in one.source.split()}))}
        if task == "translate":
            found = {}
        texts = [one.target for one in train] + ([one.source for one in train] if task == "translate" else [])
    else:
        labels = tuple(sorted({label for one in train for label in one.target}))
        if len(labels) < 2:
            raise UserError(f"There is only one label in the training split ({labels[0]!r}); two are needed at least.")
        found = {"labels": labels, **({"frame_size": SIZE} if task == "frames" else {})}
        texts = [one.source for one in train if isinstance(one.source, str)]
    vocabulary = Vocabulary.from_captions(texts, text.tokenizer, text.minimum_count, text.maximum_size)
    return SequenceModel(recipe.model(**found), vocabulary)


class SequenceTask:
    """Learns the training examples; is judged by what it makes of the development examples.

    Args:
        recipe: the settings.
        model: the network and its words.
        data: the examples.
        reporter: where samples are told.
    """

    def __init__(self, recipe: SequenceRecipe, model: SequenceModel, data: SequenceData, reporter: Reporter):
        self.recipe, self.model, self.data, self.reporter = recipe, model, data, reporter
        self.writes = recipe.task in WRITES
        self.nothing = model.vocabulary.pad_id if self.writes else NONE
        inputs, targets = encode_examples(model, data.splits["train"], self._length())
        training = recipe.training
        self.batches = SequenceBatches(inputs, targets, self.nothing, training.batch_size, training.seed)
        loss = MaskedCrossEntropy(pad_id=self.nothing)
        self.network = compile_network(model.network, training, loss, self.batches.steps)
        self.dev = encode_examples(model, data.splits["dev"])
        self.chooses = chooses(recipe.task, data.splits["dev"])

    def _length(self) -> int | None:
        """Steps of a training sequence: those of the longest, but not above the recipe's limit."""
        train = self.data.splits["train"]
        if self.recipe.task in ("frames", "describe"):
            return None
        lengths = [len(self.model.words_of(example.source)) for example in train]
        most = self.recipe.text.max_length
        cut = sum(length > most for length in lengths)
        if cut:
            self.reporter.warn(
                f"{cut:,} training texts are longer than {most} words and are cut there; --set text.max_length=... "
                "takes more."
            )
        return min(max(lengths), most)

    def judge(self, epoch: int, loss: float) -> EvalResult:
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
        return EvalResult(scores, self.chooses, scores[self.chooses])

    def _loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Mean cross-entropy in nats, as the training loss counts it."""
        targets = targets[:, : logits.shape[1]] if targets.ndim > 1 else targets
        real = targets != self.nothing
        right = np.take_along_axis(log_softmax(logits), np.maximum(targets, 0)[..., None], axis=-1)[..., 0]
        return float(-(right * real).sum() / max(real.sum(), 1))

    def save_to_preset(self, folder: Path, facts: dict[str, Any]) -> None:
        self.model.save_to_preset(folder, {"recipe": self.recipe.name, "data_set": self.data.facts(), **facts})


def report_test(task: SequenceTask, run: Path, reporter: Reporter) -> dict[str, Any]:
    """Scores the best model of a run on the test split, beside what can be done without recurrence.

    Returns:
        what is written to `metrics.json`.
    """
    recipe, test = task.recipe, task.data.splits["test"]
    best = SequenceModel.from_preset(run)
    sources = [example.source for example in test]
    predictions = best.predict(sources)
    report: dict[str, Any] = {"recipe": recipe.name, "split": "test", "examples": len(test)}
    report["scores"] = score(recipe.task, test, predictions, recipe.text.tokenizer)
    reporter.log(f"Test, {len(test):,} examples: {_told(report['scores'])}")
    if recipe.task in NAMES and recipe.training.baseline_epochs:
        baseline = train_without_recurrence(best, task.batches, recipe.training.baseline_epochs, recipe.training.seed)
        report["without_recurrence"] = score(recipe.task, test, baseline.predict(sources), recipe.text.tokenizer)
        reporter.log(f"Without recurrence ({NAMES[recipe.task]}): {_told(report['without_recurrence'])}")
    atomic_write(run / METRICS, json.dumps(report, indent=2) + "\n")
    rows = [
        {
            "source": example.source if isinstance(example.source, str) else "",
            "expected": example.target if isinstance(example.target, str) else " ".join(example.target),
            "predicted": made.text if task.writes else " ".join(made.labels),
            "score": round(made.score, 4),
        }
        for example, made in zip(test, predictions, strict=True)
    ]
    write_csv(rows, run / PREDICTIONS, list(rows[0]))
    if recipe.task == "frames":
        save_clip(test[0].source, run / CLIP, scale=4)
    return report


def _told(scores: dict[str, float]) -> str:
    """
    >>> _told({"accuracy": 0.9876, "bleu_2": 0.5})
    'Accuracy 98.8'
    """
    shown = scores_of(scores, Prominence.HEADLINE)
    return "  ".join(f"{score.label} {score.text(scores[score.name])}" for score in shown)
