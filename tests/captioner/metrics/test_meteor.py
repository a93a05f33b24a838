"""METEOR without Java: the number of nltk, with a WordNet of eight words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.metrics import meteor
from captioner.metrics.meteor import MeteorWordNet
from captioner.metrics.ngrams import References
from captioner.text.wordnet import open_wordnet
from tests.support_wordnet import write_wordnet

split = str.split


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    folder = write_wordnet(tmp_path_factory.mktemp("wordnet"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WNSEARCHDIR", str(folder))
        open_wordnet.cache_clear()
        yield open_wordnet()
    open_wordnet.cache_clear()


def score(wordnet, prediction, *references):
    metric = MeteorWordNet(wordnet)
    return metric.statistics(split(prediction), [split(reference) for reference in references])[0]


def test_by_hand(wordnet):
    # All three words match, "hound" as a synonym of "dog": P = 3/3, R = 3/4, F = P R / (0.9 P + 0.1 R).
    # "the dog" is one chunk, "runs" another: penalty 0.5 (2/3)^3.
    expected = (1 - 0.5 * (2 / 3) ** 3) * 0.75 / (0.9 + 0.075)
    assert score(wordnet, "the hound runs", "the dog slowly runs") == pytest.approx(expected)
    # By its stem "running" matches "runs", and then the order is the same: one chunk.
    assert score(wordnet, "dog running", "dog runs") == pytest.approx(1 - 0.5 * (1 / 2) ** 3)


def test_the_best_reference_counts_and_nothing_in_common_is_zero(wordnet):
    assert score(wordnet, "a cat", "two birds", "a cat") == pytest.approx(1 - 0.5 / 8)
    assert score(wordnet, "a cat", "two birds") == score(wordnet, "", "two birds") == score(wordnet, "a cat", "") == 0


WORDS = st.lists(st.sampled_from(split("a the dog dogs hound cat child children kid runs running beast")), max_size=9)


@given(prediction=WORDS, references=st.lists(WORDS, min_size=1, max_size=3))
def test_it_is_nltks_number(wordnet, prediction, references):
    """Synonyms and stems are remembered here: that must change nothing."""
    from nltk.translate.meteor_score import meteor_score

    row = MeteorWordNet(wordnet).rows([prediction], References([references]))
    assert row[0, 0] == pytest.approx(meteor_score(references, prediction, wordnet=wordnet), abs=1e-12)


def test_it_cannot_be_taken_for_meteor_1_5(wordnet):
    metric = MeteorWordNet(wordnet)
    assert list(metric.combine(metric.rows([["a"]], References([[["a"]]])))) == ["meteor_wordnet"]


def test_without_wordnet_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(meteor, "open_wordnet", lambda: None)
    with pytest.raises(UserError, match=r"cannot be computed.*wordnet-base"):
        MeteorWordNet()
