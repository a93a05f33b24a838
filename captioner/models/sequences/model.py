"""A trained network over sequences: texts, facts or frames in, labels or sentences out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from captioner.arguments import checked_count, checked_texts
from captioner.errors import UserError, alternatives
from captioner.images.clips import read_clip
from captioner.images.sources import listed
from captioner.models.base.memory import require_memory, rows_at_once, searching_memory
from captioner.models.base.pretrained_model import PretrainedModel
from captioner.models.sequences.build import build_sequence_network
from captioner.models.sequences.settings import SequenceSettings
from captioner.models.sequences.writers import SequenceSearcher
from captioner.settings import cells_text
from captioner.text.tokenizers import get_tokenizer

WRITES = ("translate", "describe")  # tasks whose output is a sentence
IN_STEP = ("tag", "frames")  # tasks with a label for each step


@dataclass(frozen=True)
class Prediction:
    """The output of a network for a sequence.

    text: one line: the label, the labels, each word with its tag, or the sentence.
    labels: the label, or one for each word or frame; empty where a sentence was written.
    words: the words that were labelled, or those of the sentence.
    score: mean log-probability of the labels, or of the words and the end; 0 would be certainty.
    """

    text: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    score: float


class SequenceModel(PretrainedModel):
    """A network over sequences and the words it knows.

    Args:
        settings: how it was built; saved in the preset.
        vocabulary: the words, in id order.

    Example:

        model = SequenceModel.from_preset("runs/sequence-classify")
        model.predict(["the film was not bad"])     # [Prediction(text="positive", ...)]
    """

    settings_class = SequenceSettings
    settings: SequenceSettings

    def _build_network(self) -> keras.Model:
        network = build_sequence_network(self.settings, len(self.vocabulary))
        network(self._example())
        return network

    def _parts_text(self) -> str:
        settings = self.settings
        reader = f"{len(settings.facts)} facts" if settings.task == "describe" else cells_text(settings.reader)
        output = settings.decoder if settings.task in WRITES else f"{len(settings.labels)} labels"
        return f"{settings.task}: {reader} -> {output}"

    def _example(self):
        """Inputs of one row and two steps, with which all variables are made."""
        settings, words = self.settings, np.ones((1, 2), "int32")
        if settings.task == "frames":
            return np.ones((1, 2, settings.frame_size, settings.frame_size, 3), "float32")
        if settings.task == "describe":
            return {"source": np.ones((1, len(settings.facts)), "float32"), "words": words}
        return {"source": words, "words": words} if settings.task == "translate" else words

    def words_of(self, text: str) -> list[str]:
        return get_tokenizer(self.settings.text.tokenizer).tokenize(text)

    def encode(self, sources: Sequence[Any], length: int | None = None) -> np.ndarray:
        """Sources as arrays: word ids `(N, T)`, frames `(N, T, H, W, 3)` or facts `(N, F)`.

        Args:
            sources: texts, frames (see `read_clip`), or facts as a text such as "count=1 colour=red".
            length: T; longer sources are cut. By default that of the longest, rounded up to a multiple of eight: few
                lengths have to be compiled.

        Raises:
            UserError: a text has no words, a fact is unknown, or frames cannot be read.
        """
        if self.settings.task == "describe":
            return np.array(list(map(self._facts, sources)), "float32")
        if self.settings.task == "frames":
            parts = [read_clip(source, self.settings.frame_size) for source in sources]
        else:
            parts = list(map(self._word_ids, sources))
        length = length or -(-max(map(len, parts), default=1) // 8) * 8
        encoded = np.zeros((len(parts), length, *parts[0].shape[1:]), parts[0].dtype)
        for row, part in zip(encoded, parts, strict=True):
            row[: len(part)] = part[:length]
        return encoded

    def _word_ids(self, text: str) -> np.ndarray:
        words = self.words_of(text)
        if not words:
            raise UserError(f"{text[:60]!r} holds no words, so there is nothing to {self.settings.task}.")
        return np.array(self.vocabulary.encode_words(words), "int32")

    def _facts(self, text: str) -> np.ndarray:
        known, facts = self.settings.facts, text.split()
        for fact in facts:
            if fact not in known:
                raise UserError(f"{fact!r} is no fact that this model knows.{alternatives(fact, known)}")
        if not facts:
            raise UserError("There are no facts to describe. Give some, like 'count=1 colour=red shape=star'.")
        return np.array([fact in facts for fact in known], "float32")

    def predict(self, sources: Iterable[Any], num_beams: int | None = None, batch_size: int = 64) -> list[Prediction]:
        """Labels or sentences for sources.

        Args:
            sources: texts; for `frames` clips, each a folder, a GIF or an array (see `read_clip`); for `describe`
                facts.
            num_beams: beams of the search, where a sentence is written; the preset's own setting by default.
            batch_size: sources at once.

        Raises:
            UserError: a source is empty, or cannot be read; or `sources` is no list.
        """
        batch_size = checked_count("batch_size", batch_size)
        num_beams = self.settings.search.num_beams if num_beams is None else checked_count("num_beams", num_beams)
        if self.settings.task != "frames":
            sources = checked_texts("sources", sources)
        elif (listed_sources := listed(sources, dimensions=4))[1]:
            sources = listed_sources[0]
        else:
            raise UserError("`sources` is a list of clips; received a single one: write predict([clip]).")
        predictions = []
        for start in range(0, len(sources), batch_size):
            chunk = list(sources[start : start + batch_size])
            if self.settings.task == "frames":
                chunk = [read_clip(source, self.settings.frame_size) for source in chunk]
            # A single batch is faster without compiling.
            compiled = batch_size if len(sources) > batch_size else None
            predictions += self._predict(chunk, self.encode(chunk), num_beams, compiled)
        return predictions

    def _predict(self, sources, encoded, num_beams, batch_size) -> list[Prediction]:
        task = self.settings.task
        if task in WRITES:
            return self._write(encoded, num_beams, batch_size)
        log_probabilities = log_softmax(self.logits(encoded, batch_size))
        if task == "classify":
            rows = log_probabilities[:, None]
        else:
            steps = sources if task == "frames" else map(self.words_of, sources)
            rows = [row[: len(step)] for row, step in zip(log_probabilities, steps, strict=True)]
        return list(map(self._labelled, sources, rows))

    def _labelled(self, source, log_probabilities) -> Prediction:
        labels = tuple(self.settings.labels[best] for best in log_probabilities.argmax(axis=-1))
        words = () if self.settings.task == "frames" else tuple(self.words_of(source))
        tagged = [f"{word}/{label}" for word, label in zip(words, labels, strict=False)]
        text = " ".join(tagged if self.settings.task == "tag" else labels)
        return Prediction(text, labels, words, float(log_probabilities.max(axis=-1).mean()))

    def _write(self, encoded, num_beams, batch_size) -> list[Prediction]:
        search = self.settings.search
        options = (num_beams, search.max_words, search.length_penalty)
        reader, decoder = self.settings.reader, self.settings.decoder
        memory_shape = (self.settings.text.max_length, 2 * reader.units)
        needed = searching_memory(decoder, memory_shape, len(self.vocabulary), num_beams, search.max_words, 0)
        require_memory(needed, "Writing about one sequence", "num_beams, max_words or the decoder's sizes")
        rows = batch_size or len(keras.tree.flatten(encoded)[0])
        at_once = rows_at_once(rows, needed)
        outputs = self._run(SequenceSearcher, encoded, batch_size if at_once == rows else at_once, options)
        predictions = []
        for ids, length, total in zip(outputs["words"], outputs["lengths"], outputs["log_probabilities"], strict=True):
            words = self.vocabulary.decode(ids[0, : length[0]])
            text = get_tokenizer(self.settings.text.tokenizer).detokenize(words)
            predictions.append(Prediction(text, (), tuple(words), float(total[0]) / (int(length[0]) + 1)))
        return predictions

    def logits(self, inputs: Any, batch_size: int | None = 64) -> np.ndarray:
        """The network's scores of encoded inputs, with teacher forcing where it writes.

        Args:
            inputs: nest of arrays `(N, ...)`, what the network takes.
            batch_size: rows at once, for which the network is compiled; None for all at once, without compiling.
        """
        return self._run(Forward, inputs, batch_size)

    def _run(self, kind, inputs, batch_size, options=()):
        """As `run`, or without compiling for all rows at once where there is no `batch_size`."""
        if batch_size is None:
            return keras.tree.map_structure(keras.ops.convert_to_numpy, kind(self.network, *options)(inputs))
        return self.run(kind, inputs, batch_size, options, jit_compile=False)


class Forward(keras.Model):
    """A network compiled for inputs of one shape; for a second shape Keras would compile it anew for any shape."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def call(self, inputs):
        return self.network(inputs)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
