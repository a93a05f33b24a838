"""The experiment on sharing weights over time, at toy size."""

import numpy as np
import pytest

from pipelines.tasks.sequences import sharing
from pipelines.tasks.sequences.batches import NONE
from pipelines.tasks.sequences.sharing import NAMES, _part, _places, compare_sharing, table_of


@pytest.fixture(scope="module")
def found():
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "TEST", 60)
        return compare_sharing("rnn", 4, most_words=8, captions=60, epochs=1, seed=1, log=said.append), said


def test_both_networks_are_trained_and_one_has_a_set_a_position(found):
    found, said = found
    shared, untied = (found.parameters[name] for name in NAMES)
    assert untied == 8 * shared
    assert len(said) == 2 and all("training loss" in line for line in said)


def test_the_table_tells_what_was_seen_in_training(found):
    found, _ = found
    assert [(part.longer, part.first) for part in found.parts] == [
        (False, 1), (False, 5), (False, 7), (True, 1), (True, 9),
    ]  # fmt: skip
    shown = [part.shown for part in found.parts]
    assert shown[-1] == 0 and shown[0] + shown[1] + shown[2] == shown[3] and shown[0] > shown[1] > shown[2] > 0
    head, rows = table_of(found)
    assert head[-2:] == list(NAMES) and rows[-1][0] == "parameters"
    assert rows[0][:2] == ["up to 8 words", "1 to 4"] and rows[3][0] == "over 8 words"
    assert all(len(row) == len(head) for row in rows)


def test_a_part_counts_its_own_words_alone():
    tags = np.array([[0, 1, NONE], [2, NONE, NONE]])
    test_tags = np.array([[0, 1, NONE, NONE], [2, 0, 1, 1]])
    longer = np.array([False, True])
    right = {name: np.array([[True, True, True, True], [False, True, True, False]]) for name in NAMES}
    part = _part(True, 1, 3, tags=tags, test_tags=test_tags, longer=longer, right=right)
    assert (part.shown, part.asked) == (3, 3) and part.accuracy["shared"] == pytest.approx(2 / 3)
    part = _part(False, 2, 3, tags=tags, test_tags=test_tags, longer=longer, right=right)
    assert (part.shown, part.asked) == (1, 1) and part.accuracy["shared"] == 1.0


def test_parts_cover_every_position_once():
    for most, longest in ((5, 22), (10, 22), (20, 22)):
        for wanted in (False, True):
            covered = [p for longer, a, b in _places(most, longest) if longer == wanted for p in range(a, b + 1)]
            assert covered == list(range(1, (longest if wanted else most) + 1))
