"""Writing with a deep LSTM one character at a time, in NumPy.

A compiled loop computes such small products on one processor core; NumPy's library can use two, and the weights lie as
it likes them best. For any other cell `LanguageWriter` is used, and both draw from the same distribution.
"""

import time

import numpy as np
from keras import ops

from captioner.cells.lstm import LSTMCell
from captioner.cells.stack import CellStack
from captioner.decoding.logits_filters import closed, draw, narrowed
from captioner.models.language.blas_threads import blas_threads

COLUMNS = 64  # the products have a multiple of so many: then one and two threads give the same bits
AT_ONCE = 8  # words between two looks at the clock


class NumpyLSTM:
    """One step of a language model whose cells are LSTMs, with as few and as large products as there can be.

    What h_n, the output of layer n, is multiplied with lies side by side: the weights by which it enters layer n again
    at the next step and those by which it enters layer n + 1 now (or the scores). The input's part of the first layer
    is a table with a row a word. sigmoid(x) = (tanh(x / 2) + 1) / 2, so that all four gates are one call of tanh; the
    halves are in the weights.

    Args:
        network: a `LanguageNetwork` for which `fits` is true; later changes of its weights are not seen.
    """

    def __init__(self, network):
        layers = network.cell.layer_cells()
        units = network.cell.output_size
        halves = np.concatenate([np.full(units, scale, "float32") for scale in (0.5, 0.5, 1.0, 0.5)])  # i, f, g, o
        self.units, self.last = units, len(layers) - 1
        self.scale, self.shift = halves.copy(), 1.0 - halves  # tanh or, where it was halved, sigmoid
        words = ops.arange(network.vocabulary_size)
        self.table = _numbers(layers[0].project(network.embedding(words))) * halves
        self.biases = [_numbers(cell.bias) * halves for cell in layers[1:]]
        entering = [_numbers(cell.kernel) * halves for cell in layers[1:]]
        kernel = network.embedding.embeddings if network.tie_embeddings else network.output_kernel
        entering.append(_numbers(kernel).T if network.tie_embeddings else _numbers(kernel))
        self.output_bias = _numbers(network.output_bias)
        self.weights = [
            _filled_up(np.concatenate([_numbers(cell.recurrent_kernel) * halves, next_one], axis=1))
            for cell, next_one in zip(layers, entering, strict=True)
        ]
        self.products = [np.zeros(weights.shape[1], "float32") for weights in self.weights]

    @staticmethod
    def fits(network) -> bool:
        """Whether the cells are LSTMs with nothing else between them."""
        cell = network.cell
        plain = not isinstance(cell, CellStack) or cell.connection == "none"
        return plain and all(type(layer) is LSTMCell for layer in cell.layer_cells())

    def begin(self, states) -> None:
        """Takes over the states of a network, a list of `(1, units)`: h and c of each layer."""
        states = [_numbers(state)[0] for state in states]
        self.memories = [state.copy() for state in states[1::2]]
        for h, weights, product in zip(states[0::2], self.weights, self.products, strict=True):
            np.dot(h, weights, out=product)

    def step(self, word: int) -> np.ndarray:
        """Reads a word; the logits `(V,)` of the next."""
        below, wide = self.table[word], 4 * self.units
        for n, (weights, product, memory) in enumerate(zip(self.weights, self.products, self.memories, strict=True)):
            gates = below + product[:wide]
            np.tanh(gates, out=gates)
            gates *= self.scale
            gates += self.shift
            i, f, g, o = gates.reshape(4, -1)
            memory *= f
            i *= g
            memory += i
            o *= np.tanh(memory)
            np.dot(o, weights, out=product)
            bias = self.output_bias if n == self.last else self.biases[n]
            below = product[wide : wide + len(bias)] + bias
        return below


class NumpyWriter:
    """What `LanguageWriter` does, with a `NumpyLSTM`; the same arguments, and one row only.

    One thread or two, whichever is faster beside whatever else the machine does: the text does not depend on it.
    """

    def __init__(self, network, start, end, forbidden, options):
        self.cells = NumpyLSTM(network)
        self.zeros = [_numbers(state) for state in network.start(1)]
        self.start, self.end, self.options = start, end, dict(options)
        self.closed = closed(network.vocabulary_size, forbidden)
        self.pace = Pace()

    def after(self, words) -> "NumpyWriter":
        """Itself, after a document was begun with `words`."""
        with blas_threads(1):
            self.cells.begin(self.zeros)
            for word in words:
                self.cells.step(word)
        return self

    def write(self, word: int, noise: np.ndarray) -> list[int]:
        """As many words as there is noise; `word` is read first."""
        words = [word]
        while len(words) <= len(noise):
            threads, count = self.pace.next()
            begin, now = len(words) - 1, time.perf_counter()
            words += self._write(words[-1], noise[begin : begin + count], threads)
            self.pace.took(threads, (time.perf_counter() - now) / (len(words) - 1 - begin))
        return words[1:]

    def _write(self, word, noise, threads):
        words, step, added, options = [], self.cells.step, self.closed, self.options
        with blas_threads(threads):
            for uniform in noise:
                if word == self.end:
                    self.cells.begin(self.zeros)
                    word = self.start
                word = int(draw(narrowed(step(word) + added, **options, xp=np), uniform, xp=np))
                words.append(word)
        return words


class Pace:
    """Whether one thread or two are used for the next few words.

    Two are tried for two words. If they are faster they stay until they are much slower; if not, they are tried again
    after a pause, which is twice as long each time.
    """

    def __init__(self):
        self.threads, self.alone = 1, float("inf")  # seconds a word with one thread
        self.wait, self.pause = 1, 8

    def next(self) -> tuple[int, int]:
        """`(threads, words)`."""
        return (2, 2) if self.threads == 1 and self.wait <= 0 else (self.threads, AT_ONCE)

    def took(self, threads: int, seconds: float) -> None:
        """Learns how long a word took."""
        if threads == 1:
            self.alone, self.wait = seconds, self.wait - 1
        elif seconds > (1.5 if self.threads == 2 else 1.0) * self.alone:
            self.threads, self.wait, self.pause = 1, self.pause, min(2 * self.pause, 1024)
        else:
            self.threads = 2


def _filled_up(weights: np.ndarray) -> np.ndarray:
    """With columns of zeros, to a multiple of `COLUMNS`."""
    return np.ascontiguousarray(np.pad(weights, [(0, 0), (0, -weights.shape[1] % COLUMNS)]))


def _numbers(values) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(values), "float32")
