"""Batches: every word is predicted once, in its place, and a stream goes on where it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text.vocabulary import Vocabulary
from pipelines.tasks.language.chunks import DocumentBatches, Documents, StreamBatches, parts_of

VOCABULARY = Vocabulary([chr(n) for n in range(ord("a"), ord("z") + 1)], "characters")
START, END, PAD = VOCABULARY.start_id, VOCABULARY.end_id, VOCABULARY.pad_id


def text_of(ids):
    return "".join({START: "^", END: "$", PAD: "_"}.get(number) or VOCABULARY.words[number] for number in ids)


def test_a_document_is_read_from_its_start_and_its_end_is_to_come():
    documents = Documents(["abc", "z", ""], VOCABULARY, ends=True)
    assert list(map(text_of, documents.joined())) == ["^abc^z", "abc$z$"]
    assert (documents.words, documents.unknown) == (6, 0)
    cut = Documents(["abc", "z?"], VOCABULARY, ends=False)
    assert list(map(text_of, cut.joined([1, 0]))) == ["^z^ab", "z<unk>abc"]
    assert (cut.words, cut.unknown) == (5, 1)


def batches(texts, rows=2, chunk=3, seed=0, ends=True):
    return StreamBatches(Documents(texts, VOCABULARY, ends), rows, chunk, seed, START)


def steps(made, epoch, skip=0):
    return [(x["words"].numpy(), x["reset"].numpy(), y.numpy()) for x, y in made.epoch(epoch, skip)]


TEXTS = ["abcdefghij", "klmno", "pq", "rstuvwxyzabc"]


def test_each_row_is_a_stream_that_goes_on():
    made = batches(TEXTS)
    found = steps(made, 0)
    assert len(found) == made.steps == 5
    for row in range(2):
        stream = text_of(np.concatenate([words[row] for words, _, _ in found]))
        coming = text_of(np.concatenate([targets[row] for _, _, targets in found]))
        assert len(stream) == 15
        for here, there in zip(stream[1:], coming[:-1], strict=True):
            assert here == there or (here, there) == ("^", "$"), "what was to come has to be read next"


def test_the_state_is_zeroed_where_documents_begin_and_once_an_epoch():
    for words, reset, _ in (found := steps(batches(TEXTS), 1)):
        np.testing.assert_array_equal(reset[:, 1:], words[:, 1:] == START)
    assert found[0][1][:, 0].all(), "the last epoch's state belongs to another place"
    assert not all(words[0, 0] == START for words, _, _ in found)


def test_an_epoch_depends_on_its_number_and_the_seed_alone_and_goes_on_anywhere():
    made = batches(TEXTS)
    whole, rest = steps(made, 3), steps(batches(TEXTS), 3, skip=2)
    assert all(
        np.array_equal(a, b) for one, two in zip(whole[2:], rest, strict=True) for a, b in zip(one, two, strict=True)
    )
    assert not np.array_equal(whole[0][0], steps(made, 4)[0][0])
    assert not np.array_equal(whole[0][0], steps(batches(TEXTS, seed=1), 3)[0][0])


@given(
    st.lists(st.text("abcdef", min_size=1, max_size=9), min_size=1, max_size=6), st.integers(1, 3), st.integers(2, 4)
)
def test_no_word_is_predicted_twice_in_an_epoch(texts, rows, chunk):
    """With the end of each text marked by a letter of its own, pairs of words and their places can be told apart."""
    documents = Documents(texts, VOCABULARY, ends=True)
    if documents.words < rows * chunk:
        with pytest.raises(UserError, match=r"Give a longer text, or lower training\.rows or training\.chunk"):
            StreamBatches(documents, rows, chunk, 0, START)
        return
    made = StreamBatches(documents, rows, chunk, 0, START)
    read, coming, _ = made.streams(5)
    pairs = sorted(zip(read.ravel().tolist(), coming.ravel().tolist(), strict=True))
    all_pairs = sorted(zip(*(values.tolist() for values in documents.joined()), strict=True))
    assert made.steps * rows * chunk == len(pairs) > documents.words - rows * chunk
    for pair in set(pairs):
        assert pairs.count(pair) <= all_pairs.count(pair)


def test_a_text_shorter_than_the_first_batch_is_refused():
    with pytest.raises(
        UserError, match=r"has 4 words or characters, less than the first batch of 2 streams with 3 each \(6\)"
    ):
        batches(["abc"])


def test_each_row_is_a_document_if_nothing_is_carried():
    documents = Documents(["abc", "z", "klmnopq"], VOCABULARY, ends=True)
    made = DocumentBatches(documents, 3, 4, 0, PAD)
    ((inputs, targets),) = made.epoch(0)
    rows = sorted(zip(map(text_of, inputs["words"].numpy()), map(text_of, targets.numpy()), strict=True))
    assert rows == [("^abc", "abc$"), ("^klm", "klmn"), ("^z$_", "z$__")]
    assert made.cut == 1
    assert not inputs["reset"].numpy().any()
    with pytest.raises(UserError, match="There are 3 documents to learn from, less than the first batch of 4"):
        DocumentBatches(documents, 4, 4, 0, PAD)


@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 12))
def test_parts_predict_each_word_once(size, length, warm_up):
    ids = np.arange(size)
    parts = parts_of(ids, length, warm_up)
    predicted = [part.ids[1:][part.before :] for part in parts]
    assert np.concatenate(predicted).tolist() == list(range(1, size))
    assert all(part.before == min(warm_up, n * length) for n, part in enumerate(parts))
    assert all(np.array_equal(np.diff(part.ids), np.ones(len(part.ids) - 1)) for part in parts)
