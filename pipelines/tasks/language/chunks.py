"""Documents to batches: streams that go on where the batch before ended, or one document a row.

    document        a b c d                 read       <start> a b c d
                                            to come    a b c d <end>

Where a text has no end of its own (it was cut in two), `<end>` is neither read nor to come.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from captioner.errors import UserError
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary


class Documents:
    """Texts as ids.

    Args:
        texts: the documents.
        vocabulary: their words; others become `<unk>`.
        ends: whether the end of a document is to be learned.

    Attributes:
        ids: one int32 array a document, begun by the start word and, with `ends`, closed by the end word.
        words: how many there are to predict.
        unknown: how many of them are not in the vocabulary.
    """

    def __init__(self, texts: Sequence[str], vocabulary: Vocabulary, ends: bool):
        tokenize = get_tokenizer(vocabulary.tokenizer).tokenize
        close = [vocabulary.end_id] if ends else []
        self.ids = [
            np.array([vocabulary.start_id, *vocabulary.encode_words(tokenize(text)), *close], "int32") for text in texts
        ]
        self.ids = [ids for ids in self.ids if len(ids) > 1 + ends]
        self.words = sum(len(ids) - 1 for ids in self.ids)
        self.unknown = sum(int(np.count_nonzero(ids == vocabulary.unknown_id)) for ids in self.ids)

    def joined(self, order=None) -> tuple[np.ndarray, np.ndarray]:
        """All documents behind one another: `(read, to come)`, each `(N,)`. Where `<start>` is read, one begins."""
        ids = self.ids if order is None else [self.ids[index] for index in order]
        return np.concatenate([one[:-1] for one in ids]), np.concatenate([one[1:] for one in ids])


class StreamBatches:
    """Truncated back-propagation through time: B streams side by side, T words of each at a time.

    All documents behind one another are cut into B parts of equal length. A batch is the next T words of each part, so
    that the state which row b ended with is the one that row b goes on with. Each epoch puts the documents into another
    order and cuts at other places. What does not fill a batch at the end of an epoch is left out.

    Args:
        documents: what is read.
        rows: int, B.
        chunk: int, T.
        seed: of the order.
        start_id: the word that begins documents.

    Raises:
        UserError: the text is shorter than one batch.
    """

    def __init__(self, documents: Documents, rows: int, chunk: int, seed: int, start_id: int):
        self.documents, self.rows, self.chunk, self.seed, self.start_id = documents, rows, chunk, seed, start_id
        self.steps = documents.words // (rows * chunk)
        if not self.steps:
            raise UserError(
                f"The text to learn from has {documents.words:,} words or characters, less than the first batch of "
                f"{rows} streams with {chunk} each ({rows * chunk:,}). Give a longer text, or lower training.rows or "
                "training.chunk."
            )

    def streams(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`(read, to come, reset)` of an epoch, each `(B, steps * T)`."""
        random = np.random.default_rng([self.seed, epoch])
        read, coming = self.documents.joined(random.permutation(len(self.documents.ids)))
        begin = int(random.integers(len(read)))
        size = self.rows * self.chunk * self.steps
        read, coming = (np.roll(values, -begin)[:size].reshape(self.rows, -1) for values in (read, coming))
        # Where the first and the last document meet nothing has to be done: a document begins with the start word.
        reset = read == self.start_id
        reset[:, 0] = True  # the state that the last epoch left belongs to another place
        return read, coming, reset

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """`({"words": (B, T), "reset": (B, T)}, targets (B, T))` from step `skip` on."""
        parts = [_by_steps(values, self.chunk)[skip:] for values in self.streams(epoch)]
        dataset = tf.data.Dataset.from_tensor_slices(tuple(parts))
        return dataset.map(lambda read, coming, reset: ({"words": read, "reset": reset}, coming)).prefetch(2)


class DocumentBatches:
    """Full back-propagation through time: each row is one document from its beginning.

    A document longer than T words is cut; its end is not learned then.

    Args:
        documents, rows, chunk, seed: as in `StreamBatches`.
        pad_id: the word that fills rows up.
    """

    def __init__(self, documents: Documents, rows: int, chunk: int, seed: int, pad_id: int):
        self.rows, self.chunk, self.seed = rows, chunk, seed
        self.ids = np.full((len(documents.ids), chunk + 1), pad_id, "int32")
        for row, ids in enumerate(documents.ids):
            self.ids[row, : len(ids)] = ids[: chunk + 1]
        self.cut = sum(len(ids) > chunk + 1 for ids in documents.ids)
        self.steps = len(self.ids) // rows
        if not self.steps:
            raise UserError(
                f"There are {len(self.ids):,} documents to learn from, less than the first batch of {rows}. Give more "
                "text, lower training.rows, or read lines as documents with --set data.documents=line."
            )

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """As in `StreamBatches`."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.ids))[: self.steps * self.rows]
        ids = self.ids[order].reshape(self.steps, self.rows, self.chunk + 1)[skip:]
        dataset = tf.data.Dataset.from_tensor_slices((ids[:, :, :-1], ids[:, :, 1:]))
        reset = np.zeros((self.rows, self.chunk), bool)
        return dataset.map(lambda read, coming: ({"words": read, "reset": reset}, coming)).prefetch(2)


def _by_steps(values: np.ndarray, chunk: int) -> np.ndarray:
    """`(B, steps * T)` to `(steps, B, T)`."""
    return values.reshape(len(values), -1, chunk).swapaxes(0, 1)


class Part(NamedTuple):
    """A stretch of a document.

    ids: begins with words that are read only to warm the state up.
    before: how many of them there are.
    """

    ids: np.ndarray
    before: int


def parts_of(ids: np.ndarray, length: int, warm_up: int) -> list[Part]:
    """Cuts a document's N + 1 ids into parts with `length` words to predict each, that can be read side by side.

    Each but the first begins `warm_up` words before its own, so that it has a state that knows what came before.
    """
    parts = []
    for begin in range(0, len(ids) - 1, length):
        first = max(begin - warm_up, 0)
        parts.append(Part(ids[first : begin + length + 1], begin - first))
    return parts
