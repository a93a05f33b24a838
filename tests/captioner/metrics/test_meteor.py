"""METEOR 1.5: the numbers of the original, and its parts by hand with tables of a few words."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics.base import MetricUnavailable
from captioner.metrics.meteor.alignment import align, count_chunks
from captioner.metrics.meteor.matching import EXACT, PARAPHRASE, STEM, SYNONYM, Match, Matcher
from captioner.metrics.meteor.metric import Meteor
from captioner.metrics.meteor.normalization import meteor_words
from captioner.metrics.meteor.resources import find_resources, load_resources
from captioner.metrics.ngrams import References
from captioner.metrics.score import score_captions
from tests.support_meteor import TABLES, small_meteor, write_meteor

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "meteor.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    return small_meteor(tmp_path_factory.mktemp("meteor"))


def score(resources, caption, *references):
    return Meteor(resources).rows([caption.split()], References([[text.split() for text in references]]))[0, -1]


def modules_of(resources, caption, reference):
    caption, reference = caption.split(), reference.split()
    matches = Matcher(resources, [caption, reference]).matches(caption, reference)
    return [(match.module, match.start, match.caption_start) for match in align(matches, len(caption))]


@pytest.mark.parametrize(
    ("text", "words"),
    [("a..b", "a .. b"), ("a...", "a ..."), ("..", ".."), ("a. .b", "a . .b"), ("x ..... ...y.", "x ..... ... y ."),
     ("." * 100_000, "." * 100_000)],
)  # fmt: skip
def test_dots(text, words):
    """A hundred thousand of them took hours, one a round. Golden words: what the original's loops give."""
    assert meteor_words(text, {}) == words.split()


def test_the_same_word_a_thousand_times_has_few_candidates(resources):
    """If this fails, one hostile caption takes hours: a thousand candidates for each of a thousand words."""
    many = ["dog"] * 300
    matches = Matcher(resources, [many]).matches([*many, "cat"], many)
    assert {len(candidates) for candidates in matches} == {40}
    assert [match.caption_start for match in matches[150]] == [*range(130, 170)], "those at similar places, in order"
    (row,) = Meteor(resources).rows([["dog"] * 3000], References([[["dog"], ["cat"]]]))
    assert row[:2].sum() == 1000, "of a longer sentence the first thousand words count"


def test_scores_are_those_of_the_original():
    # Golden values of the jar (their origin is in the file). If they differ, no number compares with a paper's.
    installed = find_resources()
    if installed is None:
        pytest.skip("needs the extra `coco`")
    load_resources.cache_clear()
    metric = Meteor(load_resources(*installed))
    captions = [one["caption"].split() for one in GOLDEN["captions"]]
    references = References([[text.split() for text in one["references"]] for one in GOLDEN["captions"]])
    rows = metric.rows(captions, references)
    np.testing.assert_allclose(
        Meteor.per_item(rows)["meteor"], [one["meteor"] for one in GOLDEN["captions"]], atol=1e-12
    )
    assert Meteor.combine(rows)["meteor"] == pytest.approx(GOLDEN["corpus"], abs=1e-12)


# What the original's normalizer writes (`edu.cmu.meteor.util.Normalizer en true`, lower-cased), prefixes included.
@pytest.mark.parametrize(
    "text, words",
    [
        ("The U.S.-based dog's 1,000 friends don't bark...", "the us based dog 's 1,000 friends don 't bark ..."),
        ("He said: “It's 5 o'clock”, didn't he?", "he said : \" it 's 5 o 'clock \" , didn 't he ?"),
        ("Mr. Smith has no. 5 and no. five. End.", "mr. smith has no. 5 and no. five . end ."),
        ("‘words’ -- and dashes – of all-kinds 50% $3.50", "' words ' - and dashes - of all kinds 50 % $ 3.50"),
        ("a , b ,c 1,2 a,1 2,b .. .... x..y", "a , b , c 1,2 a , 1 2 , b .. .... x .. y"),
    ],
)
def test_words_are_those_of_the_original(resources, text, words):
    assert meteor_words(text, resources.prefixes) == words.split()


def test_each_module_finds_what_it_is_for(resources):
    assert modules_of(resources, "dog", "dog") == [(EXACT, 0, 0)]
    assert modules_of(resources, "running", "runs") == [(STEM, 0, 0)]
    assert modules_of(resources, "hound", "dogs") == [(SYNONYM, 0, 0)]  # by the base form of "dogs"
    assert modules_of(resources, "kid", "children") == [(SYNONYM, 0, 0)]  # by the table of irregular forms
    assert modules_of(resources, "beside x", "next to") == [(PARAPHRASE, 0, 0)]
    assert modules_of(resources, "next to", "x beside") == [(PARAPHRASE, 1, 0)]  # the other way round
    assert modules_of(resources, "cat", "dog") == []


def test_by_hand(resources):
    # "hound runs" and "the dog runs": "runs" exactly, "hound" as a synonym, one chunk of 2 words on both sides.
    # P = (0.8 + 1) 0.75 / (2 * 0.75); R = the same / (2 * 0.75 + 0.25) for "the" is a function word.
    precision, recall = 1.8 * 0.75 / 1.5, 1.8 * 0.75 / 1.75
    mean = 1 / (0.15 / precision + 0.85 / recall)
    assert score(resources, "hound runs", "the dog runs") == pytest.approx(mean * (1 - 0.6 * (1 / 2) ** 0.2))
    assert score(resources, "hound runs", "the cat", "the dog runs") == score(resources, "hound runs", "the dog runs")
    assert score(resources, "the dog runs", "the dog runs") == 1  # no penalty for a sentence as a whole
    assert score(resources, "", "the dog") == score(resources, "cat", "the dog") == 0


def test_the_set_is_the_sum_of_counts_and_whole_sentences_add_no_chunk(resources):
    captions, references = [["dog", "runs"], ["the", "dog"]], [[["dog", "x", "runs"]], [["the", "dog"]]]
    rows = Meteor(resources).rows(captions, References(references))
    precision, recall = (1.5 + 1) / (1.5 + 1), (1.5 + 1) / (2.25 + 1)
    expected = 1 / (0.15 / precision + 0.85 / recall) * (1 - 0.6 * (2 / 4) ** 0.2)
    assert Meteor.combine(rows)["meteor"] == pytest.approx(expected)


def test_fewer_chunks_win_and_then_near_places():
    # Two words "a" in the caption, one in the reference after "dog": the one after the caption's "dog" makes one chunk.
    matches = [[Match(EXACT, 0, 1, 1, 1)], [Match(EXACT, 1, 1, 0, 1), Match(EXACT, 1, 1, 2, 1)]]
    assert [match.caption_start for match in align(matches, 3)] == [1, 2]
    assert count_chunks(align(matches, 3)) == 1
    far_and_near = [[], [Match(EXACT, 1, 1, 3, 1), Match(EXACT, 1, 1, 0, 1)]]
    assert count_chunks(align(far_and_near, 4)) == 1


VOCABULARY = "a the dog dogs hound cat child children kid runs running jogs is next to beside".split()  # noqa: SIM905
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=10)


@given(caption=WORDS, reference=WORDS)
def test_an_alignment_uses_no_word_twice_and_is_made_of_matches(resources, caption, reference):
    matches = Matcher(resources, [caption, reference]).matches(caption, reference)
    alignment = align(matches, len(caption))
    assert all(match in matches[match.start] for match in alignment)
    captured = [place for m in alignment for place in range(m.caption_start, m.caption_start + m.caption_length)]
    covered = [place for m in alignment for place in range(m.start, m.start + m.length)]
    assert len(set(captured)) == len(captured) and len(set(covered)) == len(covered)
    if caption == reference and caption:
        assert score(resources, " ".join(caption), " ".join(reference)) == pytest.approx(1)


def test_without_its_tables_or_with_damaged_ones_it_is_left_out_with_a_sentence(tmp_path, monkeypatch):
    """Wrong if one half of a download costs all scores of an evaluation."""
    captions, references = {"1": "a dog"}, {"1": ["the dog"]}

    def notes():
        load_resources.cache_clear()
        report = score_captions(captions, references, metrics="all")
        assert "meteor" not in report.scores and report.scores["bleu_1"] > 0
        return " ".join(report.notes)

    monkeypatch.setattr("captioner.metrics.meteor.metric.find_resources", lambda: None)
    assert "METEOR is left out." in notes() and "pip install 'captioner[coco]'" in notes()
    archive, table = write_meteor(tmp_path)
    monkeypatch.setattr("captioner.metrics.meteor.metric.find_resources", lambda: (archive, table))
    table.write_bytes(gzip.compress(b"0.5\na\nb\n" * 1000)[:-20])
    assert "paraphrase-en.gz cannot be read" in notes() and "Install pycocoevalcap again" in notes()
    with pytest.raises(MetricUnavailable):
        score_captions(captions, references, metrics=["meteor"])
    archive.write_bytes(archive.read_bytes()[:100])
    assert "meteor-1.5.jar cannot be read" in notes()
    write_meteor(tmp_path, {name: text for name, text in TABLES.items() if "synsets" not in name})
    assert "meteor-1.5.jar cannot be read" in notes()
    load_resources.cache_clear()
