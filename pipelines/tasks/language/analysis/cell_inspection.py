"""`captioner language inspect`: which cells follow something readable, and a page that shows them at work.

Single cells of a language model may follow quotation marks, the depth of brackets or the place in a line (Karpathy,
Johnson & Li 2016, section 4.2). Among a thousand cells one will correlate with anything by chance, so cells are chosen
on the first half of a text and judged on the second, and a network that has learned nothing stands beside.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from captioner.errors import UserError
from captioner.models.language.language_model import LanguageModel
from captioner.text.tokenizers import get_tokenizer
from pipelines.tasks.language.analysis.text_signals import position, signals_of
from pipelines.tasks.language.chunks import parts_of
from pipelines.tasks.language.corpora import library_files, read_text
from pipelines.utils.console import log, table

WARM_UP = 512  # words read before a part of the text, so that a quotation that was opened there is known
ROWS = 16
SOURCES = 12  # at least as many files are read where no text is given: one author's habits would tell little
BEST = 5  # cells that the page lists for each signal


@dataclass(frozen=True)
class Cell:
    """One unit of one layer, both counted from 1, as in `2:137`.

    Raises:
        UserError: see `parse`.
    """

    layer: int
    unit: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.unit}"

    @classmethod
    def parse(cls, text: str, model: LanguageModel) -> "Cell":
        layers = model.network.cell.layer_cells()
        layer, _, unit = text.partition(":")
        if layer.isdecimal() and unit.isdecimal() and 1 <= int(layer) <= len(layers):
            units = layers[int(layer) - 1].output_size
            if 1 <= int(unit) <= units:
                return cls(int(layer), int(unit))
        raise UserError(
            f"There is no cell {text!r}. Write LAYER:UNIT, both from 1; this model has {len(layers)} layers of "
            f"{layers[0].output_size} units."
        )


@dataclass(frozen=True)
class Follower:
    """A cell that follows a signal.

    found: correlation on the half of the text where it was looked for.
    held: on the other half.
    """

    cell: Cell
    found: float
    held: float


@dataclass(frozen=True)
class Activity:
    """What all cells did while a text was read.

    words: N of them, as they are to be shown.
    values: float16 `(N, cells)`, between -1 and 1.
    cells: the layer and unit of each column.
    signals: name -> `(N,)`.
    border: where one of several texts ends, as near to the middle as any does.
    """

    words: list[str]
    values: np.ndarray
    cells: list[Cell]
    signals: dict[str, np.ndarray]
    border: int | None = None

    @property
    def half(self) -> int:
        """The words before it are those that cells are chosen by, the others judge them."""
        return self.border or len(self.words) // 2

    def column(self, cell: Cell) -> np.ndarray:
        return self.values[:, self.cells.index(cell)].astype("float32")


def observe(model: LanguageModel, texts: Iterable[str], most: int | None = None, each: int | None = None) -> Activity:
    """Reads texts, each from its beginning, and notes what every cell remembers after each character.

    That is the state that holds the cell's memory, and its tanh where it is a sum, as the c of an LSTM.

    Args:
        model: what reads.
        texts: what is read.
        most: characters or words after which it stops, though signals come from whole texts: a source that was cut in
            the middle of a string is no Python any more.
        each: the same for each of the texts.

    Raises:
        UserError: there is too little text to tell anything.
    """
    tokenizer, vocabulary = get_tokenizer(model.vocabulary.tokenizer), model.vocabulary
    characters, room = tokenizer.name == "characters", most or math.inf
    words, found = [], []
    for text in texts:
        if room <= 0:
            break
        read = tokenizer.tokenize(text)
        end = int(min(room, each or room, len(read)))
        of_text = signals_of(text) if characters else position(len(read))
        words.append(read[:end])
        found.append({name: values[:end] for name, values in of_text.items()})
        room -= end
    total = sum(map(len, words))
    if total < 100:
        raise UserError(f"The text has {total} characters or words; 100 is the least to find anything in.")
    ids = [np.array([vocabulary.start_id, *vocabulary.encode_words(each)], "int32") for each in words]
    parts = [part for one in ids for part in parts_of(one, max(-(-total // ROWS), 2 * WARM_UP), WARM_UP)]
    columns, cells, sums = _memories(model)
    # Nothing is to be predicted; the words to come may be any.
    read = model.read([(part.ids, part.ids) for part in parts], ROWS, columns)["activations"]
    values = np.concatenate([inside[part.before + 1 :] for inside, part in zip(read, parts, strict=True)])
    after = "" if characters else " "
    shown = [tokenizer.detokenize([word]) + after for each in words for word in each]
    shared = [name for name in found[0] if all(name in each for each in found)]
    signals = {name: np.concatenate([each[name] for each in found]) for name in shared}
    ends = np.cumsum([len(each) for each in words])
    border = int(min(ends, key=lambda end: abs(end - total / 2))) if len(words) > 1 else None
    values[:, sums] = np.tanh(values[:, sums])
    return Activity(shown, values, cells, signals, border)


def _memories(model: LanguageModel) -> tuple[np.ndarray, list[Cell], np.ndarray]:
    """Which columns of all states side by side are looked at, whose they are, and which of them are sums."""
    columns, cells, sums, at = [], [], [], 0
    for number, layer in enumerate(model.network.cell.layer_cells(), start=1):
        sizes = layer.state_sizes()
        begin, size = at + sum(sizes[: layer.memory_state]), sizes[layer.memory_state]
        columns += range(begin, begin + size)
        cells += [Cell(number, unit) for unit in range(1, size + 1)]
        sums += [layer.memory_is_sum] * size
        at += sum(sizes)
    return np.array(columns), cells, np.array(sums)


def find_followers(activity: Activity, best: int = BEST) -> dict[str, list[Follower]]:
    """For each signal the cells that follow it best, ranked by |r| on the first half of the text.

    A signal that does not change in both halves is left out.
    """

    def halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return values[: activity.half], values[activity.half :]

    names = [name for name, values in activity.signals.items() if all(np.ptp(half) > 0 for half in halves(values))]
    wanted = (
        np.stack([activity.signals[name] for name in names], axis=1) if names else np.zeros((len(activity.words), 0))
    )
    found, held = (
        correlations(values, signals) for values, signals in zip(halves(activity.values), halves(wanted), strict=True)
    )
    followers = {}
    for column, name in enumerate(names):
        ranked = np.argsort(-np.abs(found[:, column]), kind="stable")[:best]
        followers[name] = [
            Follower(activity.cells[index], float(found[index, column]), float(held[index, column])) for index in ranked
        ]
    return followers


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


def inspect_run(
    run: Path, texts: Sequence[str], file: Path | None, output: Path, cell: str | None = None, most: int = 60_000
) -> dict[str, list[Follower]]:
    """Finds the cells that follow something, prints them, and writes the page.

    Args:
        run: folder of the model.
        texts: what to read; or else
        file: a text file; without either, sources of the standard library are read.
        output: the page.
        cell: show this one alone.
        most: characters of all texts together.

    Raises:
        UserError: a model, text or page that cannot be read or written, or no such cell.
    """
    from pipelines.tasks.language.analysis.cell_page import write_page

    model = LanguageModel.from_preset(run)
    wanted = None if cell is None else Cell.parse(cell, model)
    each = None
    if file:
        texts = [read_text(file)]
    elif not texts:
        each = most // SOURCES
        texts = _some(most, each, map(read_text, reversed(library_files())))
    log("Reading the text with the model, then with one that has learned nothing", error=True)
    activity = observe(model, texts, most, each)
    followers = find_followers(activity)
    by_chance = find_followers(observe(untrained(model), texts, most, each), best=1)
    print_followers(followers, by_chance)
    title = f"{Path(run).name}: what its cells remember"
    write_page(output, title, activity, followers, by_chance, wanted)
    log(f"The page is {output}", error=True)
    return followers


def print_followers(followers: dict[str, list[Follower]], by_chance: dict[str, list[Follower]]) -> None:
    """Prints the best cell for each signal, the surest signal first."""
    rows = [
        [name, str(best[0].cell), f"{best[0].found:+.3f}", f"{best[0].held:+.3f}", f"{by_chance[name][0].held:+.3f}"]
        for name, best in sorted(followers.items(), key=lambda item: -abs(item[1][0].held))
    ]
    table(["signal", "best cell", "r found", "r on other half", "untrained"], rows)


def _some(most: int, each: int, texts: Iterable[str]) -> list[str]:
    """As many texts as have `most` characters together, at most `each` of one."""
    taken, room = [], most
    for text in texts:
        if room <= 0:
            break
        taken.append(text)
        room -= min(each, len(text))
    return taken
