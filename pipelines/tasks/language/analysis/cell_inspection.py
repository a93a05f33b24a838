"""`captioner language inspect`: cells that follow something readable, and a page that shows them at work.

Single cells of a language model may follow quotation marks, the depth of brackets or the position in a line (Karpathy,
Johnson & Li 2016, section 4.2). Among a thousand cells one will correlate with anything by chance, so cells are chosen
on the first half of a text and tested on the second, beside those of an untrained network.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from captioner.errors import UserError
from captioner.models.language.language_model import LanguageModel
from captioner.presets.installed import model_folder
from captioner.text.tokenizers import get_tokenizer
from pipelines.tasks.language.analysis.text_signals import signals_of, word_positions
from pipelines.tasks.language.chunks import parts_of
from pipelines.tasks.language.corpora import open_corpus, read_document
from pipelines.tasks.language.score import REMEDY
from pipelines.tasks.language.settings import LanguageRecipe
from pipelines.tasks.language.train import TEXT
from pipelines.training.known_words import check_known
from pipelines.training.run_folder import RECIPE, recipe_of
from pipelines.utils.console import log, table

WARM_UP = 512  # words read before a part of the text, so that a quotation that was opened there is known
ROWS = 16
MIN_WORDS = 100  # below it correlations mean nothing
SOURCES = 12  # at least as many files are read where no text is given: the habits of one author mean little
BEST = 5  # cells that the page lists for each signal


@dataclass(frozen=True)
class Follower:
    """A cell that follows a signal, with Pearson's r on the half where it was chosen and on the other half."""

    cell: str
    selection_r: float
    test_r: float


@dataclass(frozen=True)
class Activity:
    """The memory of all cells while a text was read."""

    words: list[str]  # N of them, as they are to be shown
    values: np.ndarray  # float16 `(N, cells)`, between -1 and 1
    cells: list[str]  # of each column, layer and unit, both counted from 1, as `2:137`
    signals: dict[str, np.ndarray]  # each `(N,)`
    border: int | None = None  # the end of one of several texts that is nearest to the middle

    @property
    def half(self) -> int:
        """Cells are chosen on the words before it and tested on the others."""
        return self.border or len(self.words) // 2

    def column(self, cell: str) -> np.ndarray:
        return self.values[:, self.cells.index(cell)].astype("float32")


def record_activity(
    model: LanguageModel, texts: Iterable[str], limit: int | None = None, per_text: int | None = None
) -> Activity:
    """Reads texts, each from its beginning, and records the memory of every cell after each character.

    That is the state that holds the cell's memory, and its tanh where it is a sum, as the c of an LSTM.

    Args:
        limit: characters or words after which reading stops, though signals come from whole texts: a source that was
            cut in the middle of a string is no Python any more.
        per_text: the same limit for each of the texts.

    Raises:
        UserError: there is too little text.
    """
    documents = _documents(model, texts, limit, per_text)
    lengths = [len(words) for words, _ in documents]
    total = sum(lengths)
    if total < MIN_WORDS:
        raise UserError(f"The text has {total} characters or words; {MIN_WORDS} is the least to find anything in.")
    values = _memories(model, [words for words, _ in documents], total)
    tokenizer = get_tokenizer(model.vocabulary.tokenizer)
    after = "" if tokenizer.name == "characters" else " "
    shown = [tokenizer.detokenize([word]) + after for words, _ in documents for word in words]
    names = [name for name in documents[0][1] if all(name in signals for _, signals in documents)]
    signals = {name: np.concatenate([signals[name] for _, signals in documents]) for name in names}
    borders = map(int, np.cumsum(lengths))
    border = min(borders, key=lambda end: abs(end - total / 2)) if len(documents) > 1 else None
    return Activity(shown, values, cells_of(model), signals, border)


def _documents(model, texts, limit, per_text) -> list[tuple[list[str], dict[str, np.ndarray]]]:
    """The words and the signals of each text, up to the limits of `record_activity`."""
    tokenizer = get_tokenizer(model.vocabulary.tokenizer)
    documents, room = [], limit or math.inf
    for text in texts:
        if room <= 0:
            break
        words = tokenizer.tokenize(text)
        signals = signals_of(text) if tokenizer.name == "characters" else word_positions(len(words))
        end = int(min(room, per_text or room, len(words)))
        documents.append((words[:end], {name: values[:end] for name, values in signals.items()}))
        room -= end
    return documents


def cells_of(model: LanguageModel) -> list[str]:
    """All cells of a model, from the lowest layer up: `1:1`, `1:2` and so on."""
    sizes = [layer.state_sizes()[layer.memory_state] for layer in model.network.cell.layer_cells()]
    return [f"{layer}:{unit}" for layer, size in enumerate(sizes, start=1) for unit in range(1, size + 1)]


def _memories(model: LanguageModel, documents: list[list[str]], total: int) -> np.ndarray:
    """The memory of every cell after each word, float16 `(total, cells)`."""
    columns, sums, first = [], [], 0
    for layer in model.network.cell.layer_cells():
        sizes = layer.state_sizes()
        begin, size = first + sum(sizes[: layer.memory_state]), sizes[layer.memory_state]
        columns += range(begin, begin + size)
        sums += [layer.memory_is_sum] * size
        first += sum(sizes)
    vocabulary, length = model.vocabulary, max(-(-total // ROWS), 2 * WARM_UP)
    ids = [np.array([vocabulary.start_id, *vocabulary.encode_words(words)], "int32") for words in documents]
    parts = [part for row in ids for part in parts_of(row, length, WARM_UP)]
    # Nothing is to be predicted; the words to come may be any.
    activations = model.read([(part.ids, part.ids) for part in parts], ROWS, np.array(columns))["activations"]
    values = np.concatenate([rows[part.before + 1 :] for rows, part in zip(activations, parts, strict=True)])
    sums = np.array(sums)
    values[:, sums] = np.tanh(values[:, sums])
    return values


def find_followers(activity: Activity, best: int = BEST) -> dict[str, list[Follower]]:
    """For each signal that changes in both halves, the cells that follow it best, ranked by |r| on the first half.

    The signals are ranked by |r| of their best cell on the second half.
    """
    halves = slice(None, activity.half), slice(activity.half, None)
    names = [name for name, values in activity.signals.items() if all(np.ptp(values[half]) > 0 for half in halves)]
    if not names:
        return {}
    signals = np.stack([activity.signals[name] for name in names], axis=1)
    selection, test = (correlations(activity.values[half], signals[half]) for half in halves)
    followers = {}
    for name, r, other_r in zip(names, selection.T, test.T, strict=True):
        ranked = np.argsort(-np.abs(r), kind="stable")[:best]
        followers[name] = [Follower(activity.cells[n], float(r[n]), float(other_r[n])) for n in ranked]
    return dict(sorted(followers.items(), key=lambda item: -abs(item[1][0].test_r)))


def correlations(values: np.ndarray, signals: np.ndarray, block: int = 4096) -> np.ndarray:
    """Pearson's r of each column of `values` `(N, C)` with each of `signals` `(N, S)`: `(C, S)`; 0 for constants."""
    signals = signals - signals.mean(axis=0, dtype="float64")
    mean = values.mean(axis=0, dtype="float64")
    squares, products = np.zeros(values.shape[1]), np.zeros((values.shape[1], signals.shape[1]))
    for start in range(0, len(values), block):
        part = values[start : start + block].astype("float64") - mean
        squares += np.square(part).sum(axis=0)
        products += part.T @ signals[start : start + block]
    size = np.sqrt(squares[:, None] * np.square(signals).sum(axis=0))
    return np.divide(products, size, out=np.zeros_like(products), where=size > 1e-9)


def untrained(model: LanguageModel, seed: int = 0) -> LanguageModel:
    """The same network before it learned anything."""
    keras.utils.set_random_seed(seed)
    return LanguageModel(model.settings, model.vocabulary)


def held_out_texts(run: Path, data: Path | None = None) -> list[str]:
    """The text that a model was validated on, the last documents first: it has not learned them by heart.

    Args:
        run: folder of the run.
        data: what it was trained on, where the run's recipe does not name it.

    Raises:
        UserError: the text is not what the model was trained on, or nothing says what that was.
    """
    folder = model_folder(run)
    if data is None and not (folder / RECIPE).is_file():
        raise UserError(
            f"{run} does not say what it was trained on (it has no {RECIPE}). Give its text with --data, or another "
            "one with --file or --text."
        )
    recipe = recipe_of(folder, kind="language") if (folder / RECIPE).is_file() else LanguageRecipe(name="text")
    corpus = open_corpus(recipe.data, data)
    learned = folder / TEXT
    if data is None and learned.is_file() and learned.read_text(encoding="utf-8").strip() != corpus.identity():
        raise UserError(
            f"{run} was trained on another text than {corpus.name}. Say where that is with --data, or give another one "
            "with --file or --text."
        )
    return list(reversed(corpus.dev))


def inspect_run(
    run: Path,
    texts: Sequence[str],
    file: Path | None,
    output: Path,
    cell: str | None = None,
    limit: int = 60_000,
    data: Path | None = None,
) -> dict[str, list[Follower]]:
    """Finds the cells that follow something, prints them, and writes the page.

    Args:
        run: folder of the model.
        texts, file: the texts, or a file; without either, see `held_out_texts`.
        output: the page.
        cell: show this one alone, such as `2:137`.
        limit: characters of all texts together.
        data: see `held_out_texts`.

    Raises:
        UserError: a model, text or page that cannot be read or written, or no such cell.
    """
    from pipelines.tasks.language.analysis.cell_page import write_page

    per_text = None
    if file:
        texts = [read_document(file)]
    elif not texts:
        own = held_out_texts(run, data)
        texts, room = [], limit
        per_text = limit // SOURCES if len(own) >= SOURCES else limit
        for text in own:
            if room <= 0:
                break
            texts.append(text)
            room -= min(per_text, len(text))
    model = LanguageModel.from_preset(run)
    layers = model.network.cell.layer_cells()
    if cell is not None and cell not in cells_of(model):
        raise UserError(
            f"There is no cell {cell!r}. Write LAYER:UNIT, both from 1; this model has {len(layers)} layers of "
            f"{layers[0].output_size} units."
        )
    known = model.vocabulary.unknown_rate([text[:limit] for text in texts]), model.vocabulary.tokenizer
    check_known(*known, "the text", REMEDY, functools.partial(log, error=True))
    log("Reading the text with the model, then with one that has learned nothing", error=True)
    activity = record_activity(model, texts, limit, per_text)
    followers = find_followers(activity)
    baseline = find_followers(record_activity(untrained(model), texts, limit, per_text), best=1)
    print_followers(followers, baseline)
    write_page(output, f"{Path(run).name}: what its cells remember", activity, followers, baseline, cell)
    log(f"The page is {output}", error=True)
    return followers


def print_followers(followers: dict[str, list[Follower]], baseline: dict[str, list[Follower]]) -> None:
    """Prints the best cell for each signal, the surest signal first; `baseline` are those of an untrained network."""
    rows = [
        [name, best.cell, *(f"{r:+.3f}" for r in (best.selection_r, best.test_r, baseline[name][0].test_r))]
        for name, (best, *_) in followers.items()
    ]
    table(["signal", "best cell", "r found", "r on other half", "untrained"], rows)
