"""Documents to batches: streams that continue the batch before, or one document a row.

    document        a b c d                 words      <start> a b c d
                                            targets    a b c d <end>

Where a text has no end of its own (it was cut in two), `<end>` is neither a word nor a target.
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
        words: how many there are to predict; ends count, too.
        unknown: how many of them are not in the vocabulary.
        unknown_rate: their share of all words but the ends.
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
        self.unknown_rate = self.unknown / max(self.words - ends * len(self.ids), 1)

    def joined(self, order=None) -> tuple[np.ndarray, np.ndarray]:
        """All documents behind one another: `(words, targets)`, each `(N,)`; each document begins with `<start>`."""
        ids = self.ids if order is None else [self.ids[index] for index in order]
        return np.concatenate([document[:-1] for document in ids]), np.concatenate([document[1:] for document in ids])


class StreamBatches:
    """Truncated back-propagation through time: B streams side by side, T words of each at a time.

    All documents behind one another are cut into B parts of equal length. A batch is the next T words of each part, so
    that row b continues from its own last state. Each epoch puts the documents into another order and cuts at other
    positions. Words that do not fill a batch at the end of an epoch are left out.

    Args:
        documents: the text.
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
        """`(words, targets, reset)` of an epoch, each `(B, steps * T)`."""
        random = np.random.default_rng([self.seed, epoch])
        joined = self.documents.joined(random.permutation(len(self.documents.ids)))
        begin, size = int(random.integers(len(joined[0]))), self.rows * self.chunk * self.steps
        words, targets = (np.roll(values, -begin)[:size].reshape(self.rows, -1) for values in joined)
        # Where the first and the last document meet nothing has to be done: a document begins with the start word.
        reset = words == self.start_id
        reset[:, 0] = True  # the state that the last epoch left belongs to another position
        return words, targets, reset

    def epoch(self, epoch: int, skip: int = 0) -> tf.data.Dataset:
        """`({"words": (B, T), "reset": (B, T)}, targets (B, T))` from step `skip` on."""
        words, targets, reset = (  # (B, steps * T) to (steps, B, T)
            values.reshape(self.rows, -1, self.chunk).swapaxes(0, 1)[skip:] for values in self.streams(epoch)
        )
        return tf.data.Dataset.from_tensor_slices(({"words": words, "reset": reset}, targets)).prefetch(2)


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
        words, targets = ids[:, :, :-1], ids[:, :, 1:]
        inputs = {"words": words, "reset": np.zeros(words.shape, bool)}
        return tf.data.Dataset.from_tensor_slices((inputs, targets)).prefetch(2)


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
    starts = [(begin, max(begin - warm_up, 0)) for begin in range(0, len(ids) - 1, length)]
    return [Part(ids[first : begin + length + 1], begin - first) for begin, first in starts]
