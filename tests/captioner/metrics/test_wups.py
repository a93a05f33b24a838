"""WUPS: by hand on a WordNet of a few words, and the authors' formula over nltk on the real one."""

import json
from pathlib import Path

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics import wups
from captioner.metrics.wups import WordSimilarity, Wups
from captioner.text import wordnet
from captioner.text.wordnet import WORDNET_MISSING, open_wordnet
from tests.support_wordnet import write_wordnet

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "answers.json").read_text(encoding="utf-8"))["wups"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """entity > (animal, beast) > (dog, hound), cat;  entity > (child, kid)."""
    return wordnet._open_folder(write_wordnet(tmp_path_factory.mktemp("wordnet")))


def score(tiny, prediction, true):
    return Wups(tiny).statistics(prediction, [true]).tolist()


def test_similarities_by_hand(tiny):
    """Depths (nodes on the way from the top): entity 1, animal 2, dog and cat 3, child 2; 2 depth(s) over the sum."""
    similarity = WordSimilarity(tiny)
    assert similarity("dog", "cat") == pytest.approx(2 * 2 / (3 + 3))  # they meet in animal
    assert similarity("dog", "animal") == pytest.approx(2 * 2 / (3 + 2))  # in animal itself
    assert similarity("dog", "child") == pytest.approx(2 * 1 / (3 + 2))  # in entity
    assert similarity("dog", "hound") == 1  # one sense
    assert similarity("dog", "entity") == pytest.approx(2 * 1 / (3 + 1))
    assert similarity("children", "kid") == 1  # the base form is looked up
    assert similarity("zebra", "zebra") == 1 and similarity("zebra", "dog") == 0


@pytest.mark.parametrize(
    ("prediction", "true", "strict", "loose"),
    [
        ("dog", "dog", 1, 1),
        ("zebra", "zebra", 1, 1),  # the same word needs no WordNet
        ("hound", "dog", 1, 1),  # synonyms: 1 >= 0.9
        ("cat", "dog", 0.1 * 2 / 3, 2 / 3),  # 2/3 < 0.9, so a tenth of it
        ("zebra", "dog", 0, 0),
        # Sets. Towards: dog -> dog 1. Back: dog -> dog 1, child -> dog 2/5. Product 2/5, the smaller side.
        ("dog", "dog, child", 0.1 * 2 / 5, 2 / 5),
        # The same the other way round: the minimum of the two sides has no direction.
        ("dog, child", "dog", 0.1 * 2 / 5, 2 / 5),
        # Towards: cat -> max(dog 2/3, child 2/5) = 2/3, kid -> child 1. Back: dog -> cat 2/3, child -> kid 1.
        ("cat, kid", "dog, child", 0.1 * 2 / 3, 2 / 3),
        # Three for two: cat -> 2/3, animal -> dog 4/5, kid -> 1: 8/15. Back: dog -> animal 4/5, child -> kid 1.
        # At 0.9: 0.1 * 2/3 * 0.1 * 4/5 * 1.
        ("cat, animal, kid", "dog, child", 0.01 * 8 / 15, 8 / 15),
        ("", "dog", 0, 0),
        # Blank and underscore are equal, and a comma between digits separates nothing.
        ("kid_animal", "kid animal", 1, 1),
        ("1,000", "1,000,000", 0, 0),
    ],
)
def test_wups_by_hand(tiny, prediction, true, strict, loose):
    """If this fails, no WUPS compares with a published one."""
    assert score(tiny, prediction, true) == pytest.approx([strict, loose])


def test_of_several_people_the_agreed_answer_counts(tiny):
    """If this fails, the odd one out of three is the truth."""
    assert Wups(tiny).statistics("dog", ["cat", "dog", "Dog."]).tolist() == [1, 1]


def test_sets_of_thousands_are_scored_in_reasonable_time(tiny):
    """If this fails, one hostile answer asks WordNet for millions of pairs. The same sets need none."""
    asked = []
    metric = Wups(tiny)
    similarity = metric._similarity
    metric._similarity = lambda *pair: asked.append(pair) or similarity(*pair)
    many, others = (", ".join(f"{word} {n}" for n in range(2000)) for word in ("dog", "cat"))
    assert metric.statistics(many, [many]).tolist() == [1, 1] and not asked
    assert metric.statistics(many, [others]).tolist() == [0, 0] and len(asked) <= 2 * 2000


@pytest.fixture(scope="module")
def real():
    found = open_wordnet()
    if found is None:
        pytest.skip(WORDNET_MISSING)
    return found


def test_values_are_those_of_the_authors_formula(real):
    """Golden values (tests/golden/make_answers.py): nltk's own similarities, put together as the authors do."""
    metric = Wups(real)
    for true, given, strict, loose in GOLDEN:
        found = metric.statistics(given, [true])
        np.testing.assert_allclose(found, [strict, loose], atol=1e-12, err_msg=f"{true} / {given}")


_WORDS = (
    "table chair sofa lamp dog chef fireman president paris abraham_lincoln water run blood person entity thing "
    "red two scissors papers picture_frame teddy_bear monday music plant tank bank mouse orange glass"
)
WORDS = _WORDS.split()


def test_any_two_words_are_as_similar_as_nltk_finds(real):
    """Chef and fireman meet in several places, people and cities are instances, tank and bank have many senses.

    If this fails, the ways up that are kept are not those that nltk walks.
    """
    similarity = WordSimilarity(real)
    for first in WORDS:
        for second in WORDS:
            pairs = [(x, y) for x in real.synsets(first, pos="n") for y in real.synsets(second, pos="n")]
            expected = 1.0 if first == second else max((x.wup_similarity(y) for x, y in pairs), default=0.0)
            assert similarity(first, second) == pytest.approx(expected, abs=1e-12), (first, second)


def test_each_pair_of_words_is_looked_up_once(tiny, monkeypatch):
    """If this fails, five thousand questions take minutes."""
    asked = []
    synsets = tiny.synsets
    monkeypatch.setattr(tiny, "synsets", lambda word, pos: asked.append(word) or synsets(word, pos=pos))
    Wups(tiny).rows(["dog", "cat"] * 500, [["cat"], ["dog, child"]] * 500)
    assert sorted(asked) == ["cat", "child", "dog"]


def test_without_wordnet_there_is_a_sentence_that_helps(monkeypatch):
    """If this fails, somebody without WordNet gets a traceback of nltk."""
    monkeypatch.setattr(wups, "open_wordnet", lambda: None)
    with pytest.raises(UserError, match=r"WUPS cannot be computed.*wordnet-base"):
        Wups()
