"""Training a language model: from text to a run folder with a preset, a checkpoint and a table of epochs."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from captioner.errors import UserError
from captioner.models.language.language_model import LanguageModel, unused_by_window
from captioner.models.language.networks import StreamNetwork
from captioner.settings import LanguageModelSettings
from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from pipelines.tasks.language.chunks import DocumentBatches, Documents, StreamBatches, parts_of
from pipelines.tasks.language.corpora import open_corpus
from pipelines.tasks.language.settings import LanguageRecipe
from pipelines.training.experiment import Experiment
from pipelines.training.known_words import check_known, check_learned
from pipelines.training.loop import EvalResult, compile_network
from pipelines.training.pretrained_embeddings import load_pretrained_embeddings
from pipelines.training.resume_guard import DataIdentity
from pipelines.utils.progress import Reporter

TEXT = "text.sha256"
WARM_UP = 128  # words that a stream of the validation text reads before its own part, so that its state is warm


class LanguageExperiment(Experiment):
    """Learns the training documents, and is evaluated by how well it predicts the others.

    After each epoch the validation text is read with its state carried; the lowest loss is the best.

    Args:
        data: text file, folder of text files or, where the recipe says `source = "captions"`, a data set.
        recipe, reporter: see `Experiment`.
    """

    def __init__(self, recipe: LanguageRecipe, *, data: Path | None = None, reporter: Reporter | None = None):
        super().__init__(recipe, reporter)
        self.data = data

    def open_data(self) -> DataIdentity:
        self.corpus = open_corpus(self.recipe.data, self.data)
        for name in unused_by_window(self.recipe.model):
            self.reporter.warn(
                f"model.{name} means nothing to a window, which has one hidden layer and no cell; it is left out."
            )
        return DataIdentity(self.corpus.name, self.corpus.identity(), file=TEXT)

    def build(self, words: Vocabulary | None) -> Vocabulary:
        recipe, corpus, text, training = self.recipe, self.corpus, self.recipe.text, self.recipe.training
        vocabulary = words or Vocabulary.from_captions(
            corpus.train, text.tokenizer, text.minimum_count, text.maximum_size
        )
        self.model = LanguageModel(LanguageModelSettings(model=recipe.model, text=text, ends=corpus.ends), vocabulary)
        self.documents = Documents(corpus.train, vocabulary, corpus.ends)
        self.dev = Documents(corpus.dev, vocabulary, corpus.ends)
        check_learned(corpus.train, vocabulary, self.reporter.warn, self.documents.unknown_rate)
        self._check_validation()
        size = (self.documents, training.rows, training.chunk, training.seed)
        if training.carry_state:
            self.batches = StreamBatches(*size, vocabulary.start_id)
        else:
            self.batches = DocumentBatches(*size, vocabulary.pad_id)
        if training.gradient_penalty:
            from pipelines.tasks.language.penalised import PenalisedStreamNetwork

            network = PenalisedStreamNetwork(
                self.model.network, training.rows, training.carry_state, training.gradient_penalty, name="stream"
            )
        else:
            network = StreamNetwork(self.model.network, training.rows, training.carry_state, name="stream")
        self.network = compile_network(network, training, MaskedCrossEntropy(), self.batches.steps)
        if recipe.data.vectors and not self.resumed:
            embedding, vectors = self.model.network.embedding, recipe.data.vectors
            self.reporter.log(load_pretrained_embeddings(embedding, vocabulary.words, vectors, "model.embedding_size"))
        return vocabulary

    def _check_validation(self) -> None:
        """Refuses a validation text that says nothing of the model.

        Raises:
            UserError: it has no words, or none that is known.
        """
        dev, tokenizer = self.dev, self.model.vocabulary.tokenizer
        if not dev.words:
            raise UserError(f"The validation text of {self.corpus.name} has no words ({tokenizer} tokenizer).")
        remedy = "Give more text, or one whose parts are alike."
        check_known(dev.unknown_rate, tokenizer, "the validation text", remedy, self.reporter.warn)

    def prepare_batches(self) -> None:
        problems = self.corpus.problems
        self.reporter.problems(problems, most=len(problems))  # no other command lists them
        if not self.resumed:
            self.log_sample("Before training")

    @property
    def unit(self) -> str:
        return "character" if self.model.vocabulary.tokenizer == "characters" else "word"

    def describe(self) -> str:
        """The sizes of the texts, the network and an epoch."""
        documents, dev, unit = self.documents, self.dev, self.unit
        lines = [
            f"{self.corpus.name}: {documents.words:,} {unit}s to learn from, {dev.words:,} to check with; "
            f"{len(self.model.vocabulary):,} in the vocabulary, {dev.unknown / max(dev.words, 1):.2%} of the latter "
            "are not in it",
            f"{self.model.network.count_params():,} parameters, {self.batches.steps:,} steps an epoch",
        ]
        cut = getattr(self.batches, "cut", 0)
        if cut:
            lines.append(f"{cut:,} documents are longer than training.chunk = {self.recipe.training.chunk} and are cut")
        return "\n".join(lines)

    def evaluate(self, epoch: int, loss: float) -> EvalResult:
        """Reads the validation text with its state carried from word to word, and logs a sample."""
        nats = validation_loss(self.model, self.dev)
        scores = {"dev_loss": nats, "perplexity": math.exp(min(nats, 700.0))}
        text = f"{nats:.4f} nats a {self.unit}, perplexity {scores['perplexity']:.2f}"
        if self.unit == "character":
            scores["bits_per_character"] = nats / math.log(2)
            text += f", {scores['bits_per_character']:.4f} bits a character"
        self.reporter.log(f"Validation text: {text}")
        self.log_sample(f"After epoch {epoch + 1}")
        return EvalResult(scores, "dev_loss", -nats)

    def log_sample(self, title: str) -> None:
        """Lets the network write, always with the same random numbers."""
        if self.recipe.training.sample_length:
            text = self.model.sample(self.recipe.training.sample_length, temperature=0.8, seed=0)
            self.reporter.log(f"{title} it writes:\n" + "".join(f"    {line}\n" for line in text.splitlines()))

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        corpus, training = self.corpus, self.recipe.training
        split = {"train": self.documents.words, "dev": self.dev.words, "unit": self.unit}
        self.model.save_to_preset(
            folder,
            {
                "recipe": self.recipe.name,
                "data_set": {"name": corpus.name, "splits": split, "licence": corpus.licence},
                "carried": training.carry_state,
                **facts,
            },
        )


def validation_loss(model: LanguageModel, documents: Documents, rows: int = 64) -> float:
    """Mean negative log-probability of the documents' words, in nats, each given all words of its document before it.

    Long documents are cut into parts that are read side by side; each part but the first reads `WARM_UP` words before
    it, which do not count, so that it begins with a state that knows what came before.
    """
    length = max(-(-documents.words // rows), 8 * WARM_UP)
    parts = [part for ids in documents.ids for part in parts_of(ids, length, WARM_UP)]
    read = model.read([(part.ids[:-1], part.ids[1:]) for part in parts], rows)["log_probabilities"]
    total = sum(np.sum(values[part.before :], dtype="float64") for values, part in zip(read, parts, strict=True))
    return -float(total) / max(documents.words, 1)
