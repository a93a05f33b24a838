"""The experiment on sharing weights over time, at toy size."""

import numpy as np
import pytest

from pipelines.tasks.sequences import sharing
from pipelines.tasks.sequences.batches import NONE
from pipelines.tasks.sequences.sharing import NAMES, _part, _ranges, compare_sharing, head_and_rows


@pytest.fixture(scope="module")
def results():
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "TEST", 60)
        return compare_sharing("rnn", 4, most_words=8, captions=60, epochs=1, seed=1, log=lines.append), lines


def test_both_networks_are_trained_and_one_has_a_set_a_position(results):
    results, lines = results
    shared, untied = (results.parameters[name] for name in NAMES)
    assert untied == 8 * shared
    assert len(lines) == 2 and all("training loss" in line for line in lines)


def test_the_table_counts_the_words_of_training(results):
    results, _ = results
    assert [(part.longer, part.first) for part in results.parts] == [
        (False, 1), (False, 5), (False, 7), (True, 1), (True, 9),
    ]  # fmt: skip
    words = [part.train_words for part in results.parts]
    assert words[-1] == 0 and words[0] + words[1] + words[2] == words[3] and words[0] > words[1] > words[2] > 0
    head, rows = head_and_rows(results)
    assert head[-2:] == list(NAMES) and rows[-1][0] == "parameters"
    assert rows[0][:2] == ["up to 8 words", "1 to 4"] and rows[3][0] == "over 8 words"
    assert all(len(row) == len(head) for row in rows)


def test_a_part_counts_its_own_words_alone():
    tags = np.array([[0, 1, NONE], [2, NONE, NONE]])
    test_tags = np.array([[0, 1, NONE, NONE], [2, 0, 1, 1]])
    longer = np.array([False, True])
    right = {name: np.array([[True, True, True, True], [False, True, True, False]]) for name in NAMES}
    part = _part(True, 1, 3, tags=tags, test_tags=test_tags, longer=longer, right=right)
    assert (part.train_words, part.test_words) == (3, 3) and part.accuracy["shared"] == pytest.approx(2 / 3)
    part = _part(False, 2, 3, tags=tags, test_tags=test_tags, longer=longer, right=right)
    assert (part.train_words, part.test_words) == (1, 1) and part.accuracy["shared"] == 1.0


def test_parts_cover_every_position_once():
    for most, longest in ((5, 22), (10, 22), (20, 22)):
        for of_longer in (False, True):
            covered = [p for longer, a, b in _ranges(most, longest) if longer == of_longer for p in range(a, b + 1)]
            assert covered == list(range(1, (longest if of_longer else most) + 1))
