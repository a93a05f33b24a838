"""The language model: scores texts and samples new ones."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from captioner.arguments import checked_count, checked_texts
from captioner.backend import predict_on_batch
from captioner.cells.build import build_cell
from captioner.cells.window import WindowCell
from captioner.errors import UserError
from captioner.models.base.detokenizer import Detokenizer
from captioner.models.base.memory import rows_at_once
from captioner.models.base.pretrained_model import PretrainedModel
from captioner.models.language.networks import LanguageNetwork, LanguageReader, LanguageWriter
from captioner.settings import LanguageModelSettings, LanguageNetworkSettings, SamplingSettings, validate
from captioner.text.tokenizers import get_tokenizer

WRITTEN_AT_ONCE = 64  # words of one call of the compiled loop; a terminal shows them together
READ_AT_ONCE = 32  # words of one call of the compiled reader


@dataclass(frozen=True, eq=False)
class ScoredText:
    """How likely a text is.

    words: its words (or characters).
    log_probabilities: of each word given those before it, in nats; that of the end follows where the model has learned
        that texts end.
    unknown: the number of words that are not in the vocabulary and count as `<unk>`.
    """

    text: str
    words: tuple[str, ...] = field(repr=False)
    log_probabilities: np.ndarray = field(repr=False)
    unknown: int

    @property
    def log_probability(self) -> float:
        return float(np.sum(self.log_probabilities, dtype="float64"))

    @property
    def perplexity(self) -> float:
        """exp of the mean negative log-probability: the number of equally likely words that are as hard to predict."""
        return float(np.exp(-self.log_probability / max(len(self.log_probabilities), 1)))


class LanguageModel(PretrainedModel):
    """A recurrent network that predicts the next word or character, and the words it knows.

    Args:
        settings: how the network is built; saved in the preset.
        vocabulary: the words, in id order.

    Example:

        model = LanguageModel.from_preset("runs/language-characters")
        print(model.sample(500, temperature=0.8, prompt="def ", seed=1))
        model.score(["the cat is small", "small the is cat"])       # [ScoredText(...), ScoredText(...)]
    """

    settings_class = LanguageModelSettings
    settings: LanguageModelSettings
    network: LanguageNetwork

    def _build_network(self) -> LanguageNetwork:
        return build_network(self.settings, len(self.vocabulary))

    def __repr__(self) -> str:
        words = self.settings.text.tokenizer if self.settings.text.tokenizer == "characters" else "words"
        return f"{type(self).__name__}({self.settings.model}, {len(self.vocabulary):,} {words})"

    def sample(self, length: int, **options: Any) -> str:
        """Writes a text of `length` words or characters, the prompt before it; see `stream` for the options."""
        return "".join(self.stream(length, **options))

    def stream(
        self,
        length: int,
        *,
        prompt: str = "",
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        chunk: int = WRITTEN_AT_ONCE,
    ) -> Iterator[str]:
        """Writes a text piece by piece; all pieces joined are the text, the prompt first.

        Where a document ends, a line break follows and another one begins.

        Args:
            length: words or characters to write after the prompt.
            prompt: how the text begins.
            temperature: below 1 likely words become likelier; 0 always takes the likeliest word.
            top_k, top_p: see `captioner.decoding.logits_filters.top_k_top_p_filter`.
            seed: the same seed gives the same text.
            chunk: words of one call of the compiled loop, and of a piece.

        Raises:
            UserError: the prompt has a character or word that the model does not know, or a number is out of range.
        """
        length, chunk = checked_count("length", length, least=0), checked_count("chunk", chunk)
        values = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        sampling = validate(SamplingSettings, values, "The sampling of a text")
        write = self._writer(chunk, sampling.model_dump(exclude={"seed"}))
        text, prompt_ids = Detokenizer(self.vocabulary), self._known_ids(prompt)
        yield text.add(prompt_ids)
        random = np.random.default_rng(sampling.seed % 2**64)
        while length > 0:
            forced, prompt_ids = prompt_ids[:chunk], prompt_ids[chunk:]
            written = write(forced, random.random(chunk - len(forced)))[len(forced) :][:length]
            length -= len(written)
            yield text.add(written)

    def _writer(self, chunk: int, options: dict[str, float]):
        """A function that writes the next `chunk` words: those that are forced, and as many as there is noise for."""
        vocabulary = self.vocabulary
        suppressed = {vocabulary.pad_id, vocabulary.start_id, vocabulary.unknown_id}
        if not self.settings.ends:
            suppressed.add(vocabulary.end_id)
        arguments = (vocabulary.start_id, vocabulary.end_id, tuple(sorted(suppressed)), tuple(options.items()))
        writer = self.compiled(LanguageWriter, chunk, *arguments)
        last, states = vocabulary.start_id, [np.asarray(state) for state in self.network.start(1)]

        def write(forced: Sequence[int], noise: np.ndarray) -> list[int]:
            nonlocal last, states
            inputs = {
                "word": np.array([last], "int32"),
                "forced": np.array([[*forced, *[LanguageWriter.FREE] * len(noise)]], "int32"),
                "noise": np.concatenate([np.zeros(len(forced)), noise])[None].astype("float32"),
                "states": states,
            }
            outputs = predict_on_batch(writer, inputs)
            states, words = outputs["states"], outputs["words"][0].tolist()
            last = words[-1]
            return words

        return write

    def score(self, texts: Iterable[str]) -> list[ScoredText]:
        """How likely texts are; each is read from its beginning.

        Raises:
            UserError: `texts` is no list of texts, or one holds nothing that could be likely: no words, in a model that
                has not learned that texts end.
        """
        texts, vocabulary = checked_texts("texts", texts), self.vocabulary
        tokenize = get_tokenizer(vocabulary.tokenizer).tokenize
        words = [tokenize(text) for text in texts]
        for number, text in enumerate(texts):
            if not words[number] and not self.settings.ends:
                raise UserError(
                    f"Text {number}, {text[:60]!r}, holds no words, and this model has not learned that texts end: "
                    "there is nothing to score. Leave it out."
                )
        if not texts:
            return []
        close = [vocabulary.end_id] if self.settings.ends else []
        ids = [np.array([vocabulary.start_id, *vocabulary.encode_words(text), *close], "int32") for text in words]
        scores = self.read([(row[:-1], row[1:]) for row in ids])["log_probabilities"]
        unknown = [int(np.count_nonzero(row == vocabulary.unknown_id)) for row in ids]
        return list(map(ScoredText, texts, map(tuple, words), scores, unknown))

    def read(
        self, pieces: Sequence[tuple[np.ndarray, np.ndarray]], rows: int = 64, units: np.ndarray | None = None
    ) -> dict[str, list[np.ndarray]]:
        """Reads pieces of text, each from a zero state, several side by side and however long they are.

        Args:
            pieces: pairs of int arrays `(N,)`: the words to read, and the target after each.
            rows: pieces side by side.
            units: indices into all states side by side; their values after each word are returned.

        Returns:
            dictionary of lists, one entry a piece: `log_probabilities` `(N,)` of the targets, and with
            `units` `activations` `(N, len(units))` in half precision.
        """
        model = self.settings.model
        of_a_word = 3 * len(self.vocabulary) + 8 * model.units * model.layers
        rows = rows_at_once(min(rows, max(len(pieces), 1)), 4 * READ_AT_ONCE * of_a_word)
        positions, length = _lanes([len(words) for words, _ in pieces], rows)
        shape = (rows, -(-length // READ_AT_ONCE) * READ_AT_ONCE)
        words, targets, reset = np.zeros(shape, "int32"), np.zeros(shape, "int32"), np.zeros(shape, bool)
        for index, (row, columns) in positions.items():
            words[row, columns], targets[row, columns] = pieces[index]
            reset[row, columns.start : columns.start + 1] = True
        outputs = self._read_lanes(words, targets, reset, units)
        return {name: [values[positions[index]] for index in range(len(pieces))] for name, values in outputs.items()}

    def _read_lanes(self, words, targets, reset, units):
        reader = self.compiled(LanguageReader, len(words), units is not None, jit_compile=False)
        states, parts = [np.asarray(state) for state in self.network.start(len(words))], []
        for start in range(0, words.shape[1], READ_AT_ONCE):
            now = np.s_[:, start : start + READ_AT_ONCE]
            inputs = {"words": words[now], "targets": targets[now], "reset": reset[now], "states": states}
            part = predict_on_batch(reader, inputs)
            states = part.pop("states")
            if units is not None:
                part["activations"] = part["activations"][..., units].astype("float16")
            parts.append(part)
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]} if parts else {}

    def _known_ids(self, prompt: str) -> list[int]:
        words = get_tokenizer(self.vocabulary.tokenizer).tokenize(prompt)
        ids = self.vocabulary.encode_words(words)
        for word, number in zip(words, ids, strict=True):
            if number == self.vocabulary.unknown_id:
                kind = "character" if self.vocabulary.tokenizer == "characters" else "word"
                known = f"it knows {len(self.vocabulary) - 4:,} {kind}s (see vocabulary.txt). Leave it out."
                raise UserError(f"The prompt has the {kind} {word!r}, which the model has never seen: {known}")
        return ids


def build_network(settings: LanguageModelSettings, vocabulary_size: int) -> LanguageNetwork:
    """The network that the settings describe, with all its weights.

    Raises:
        UserError: settings that do not go together, or an unknown cell.
    """
    model = settings.model
    size = model.embedding_size if model.embedding == "learned" else 0
    if model.tie_embeddings and size != model.units:
        raise UserError(
            f"`model.tie_embeddings` needs a learned embedding as large as a layer: model.embedding_size = {size}, "
            f"model.units = {model.units}."
        )
    if model.name == "window":
        cell = WindowCell(model.units, model.window, name="cell")
    else:
        sizes, options = (model.units, model.layers, model.dropout), model.cell_options
        cell = build_cell(model.cell, *sizes, connection=model.connection, options=options)
    return LanguageNetwork(vocabulary_size, cell, size, model.dropout, model.tie_embeddings, name="language")


def unused_by_window(settings: LanguageNetworkSettings) -> list[str]:
    """Settings without effect: a window has one hidden layer and no cell."""
    of_cells, defaults = ("cell", "cell_options", "layers", "connection"), LanguageNetworkSettings()
    changed = [name for name in of_cells if getattr(settings, name) != getattr(defaults, name)]
    return changed if settings.name == "window" else []


def _lanes(lengths: Sequence[int], rows: int) -> tuple[dict[int, tuple[int, slice]], int]:
    """Places pieces one after the other in `rows` lanes so that the longest lane is short: row and columns of each, and
    the longest lane."""
    positions, heap = {}, [(0, row) for row in range(rows)]
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        filled, row = heapq.heappop(heap)
        positions[index] = (row, slice(filled, filled + lengths[index]))
        heapq.heappush(heap, (filled + lengths[index], row))
    return positions, max(heap)[0]
