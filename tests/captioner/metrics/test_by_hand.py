"""Metrics: values derived by hand, and other ways to the same numbers."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics import METRICS
from captioner.metrics.base import MetricUnavailable
from captioner.metrics.bleu import Bleu
from captioner.metrics.cider import Cider, CiderD
from captioner.metrics.diversity import Diversity, NovelCaptions
from captioner.metrics.ngrams import References
from captioner.metrics.rouge import RougeL, longest_common_subsequence, word_positions

split = str.split

CAPTION = st.lists(st.sampled_from(split("a the dog cat runs on")), max_size=8)
CORPUS = st.lists(st.tuples(CAPTION, st.lists(CAPTION, min_size=1, max_size=4)), min_size=1, max_size=6)


def scores_of(name, predictions, references):
    metric = METRICS.get(name).for_corpus(References(references))
    return metric.combine(metric.rows(predictions, References(references)))


def test_bleu_by_hand():
    # prediction  "a dog runs on grass", 5 words
    # references  "a brown dog runs on grass", "the dog runs fast": 6 and 4 words, equally close: 4 counts
    # 1-grams     a, dog, runs, on, grass      5 of 5
    # 2-grams     dog runs, runs on, on grass  3 of 4 ("a dog" is in no reference)
    # 3-grams     dog runs on, runs on grass   2 of 3
    # 4-grams     dog runs on grass            1 of 2
    # 5 > 4 words: no brevity penalty. BLEU-4 = (1 * 3/4 * 2/3 * 1/2) ** (1/4) = (1/4) ** (1/4)
    references = [[split("a brown dog runs on grass"), split("the dog runs fast")]]
    scores = scores_of("bleu", [split("a dog runs on grass")], references)
    assert scores["bleu_1"] == pytest.approx(1)
    assert scores["bleu_2"] == pytest.approx(math.sqrt(3 / 4))
    assert scores["bleu_3"] == pytest.approx((1 / 2) ** (1 / 3))
    assert scores["bleu_4"] == pytest.approx((1 / 4) ** (1 / 4))
    assert (scores["prediction_words"], scores["reference_words"], scores["brevity_penalty"]) == (5, 4, 1)


def test_matches_are_clipped():
    # Papineni's example: "the" seven times; the reference that has it most often has it twice: 2 of 7.
    references = [[split("the cat is on the mat"), split("there is a cat on the mat")]]
    assert scores_of("bleu", [["the"] * 7], references)["bleu_1"] == pytest.approx(2 / 7)


def test_the_brevity_penalty_is_of_the_corpus():
    # 2 + 4 = 6 words against 4 + 4 = 8: exp(1 - 8/6). A mean over sentences would be (exp(1 - 4/2) + 1) / 2.
    references = [[split("a b c d")], [split("e f g h")]]
    scores = scores_of("bleu", [split("a b"), split("e f g h")], references)
    assert scores["brevity_penalty"] == pytest.approx(math.exp(1 - 8 / 6))
    assert scores["bleu_1"] == pytest.approx(math.exp(1 - 8 / 6))
    assert scores["bleu_1_without_penalty"] == pytest.approx(1)  # as Reporter, Attend and Tell printed it
    # 2-grams: 1 of 1 and 3 of 3; 4-grams: none of none and 1 of 1.
    assert scores["bleu_4_without_penalty"] == pytest.approx(1)


def test_bleu_adds_matches_before_it_divides():
    # 1 of 1 and 1 of 3 words match: 2 of 4, not the mean of 1 and 1/3.
    scores = scores_of("bleu", [["a"], split("b x y")], [[["a"]], [split("b c d")]])
    assert scores["bleu_1"] == pytest.approx(1 / 2)


@given(corpus=CORPUS)
def test_bleu_agrees_with_nltk(corpus):
    # An independent implementation. It counts at least one n-gram in captions shorter than n, and gives 0
    # where the COCO scorer leaves a tiny value: compared are captions of at least four words, to what the
    # constants change.
    nltk_bleu = pytest.importorskip("nltk.translate.bleu_score")
    corpus = [(prediction * 4, references) for prediction, references in corpus if prediction]
    if not corpus:
        return
    predictions, references = [list(side) for side in zip(*corpus, strict=True)]
    scores = scores_of("bleu", predictions, references)
    for n in (1, 2, 3, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # nltk's, on captions without a match
            expected = nltk_bleu.corpus_bleu(references, predictions, weights=[1 / n] * n)
        if expected > 1e-3:
            assert scores[f"bleu_{n}"] == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.sampled_from("abcd"), max_size=200), st.lists(st.sampled_from("abcde"), max_size=200))
def test_rouge_l_of_long_captions_is_that_of_short_ones(caption, reference):
    """Long captions go another way, so that 100,000 words are not 100,000 numbers of as many bits."""
    common = _common(caption, reference)
    precision, recall = common / max(len(caption), 1), common / max(len(reference), 1)
    if not caption and not reference:
        precision = recall = 1.0  # one empty word on either side
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision) if recall else 0.0
    assert RougeL().statistics(caption, [reference]).tolist() == pytest.approx([expected])


def _common(first, second):
    """The longest common subsequence, by the usual table."""
    row = [0] * (len(second) + 1)
    for word in first:
        before, row = row, [0]
        for position, other in enumerate(second):
            row.append(before[position] + 1 if word == other else max(row[-1], before[position + 1]))
    return row[-1]


def test_rouge_l_by_hand():
    # lcs("a dog runs fast", "the dog runs") = 2: P = 2/4, R = 2/3, F = 2.44 P R / (R + 1.44 P)
    rows = RougeL().rows([split("a dog runs fast")], References([[split("the dog runs")]]))
    assert rows[0, 0] == pytest.approx(2.44 * (2 / 4) * (2 / 3) / (2 / 3 + 1.44 * 2 / 4))


@given(first=st.lists(st.sampled_from("abc"), max_size=90), second=st.lists(st.sampled_from("abc"), max_size=90))
def test_the_longest_common_subsequence_is_that_of_the_usual_table(first, second):
    # The bits of one number replace the table: beyond 64 words a wrong width would reporter.
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    assert longest_common_subsequence(word_positions(first), len(first), second) == table[-1][-1]


def test_plain_cider_by_hand():
    # Two images, one reference of one word each: idf = log 2 for every word, and cancels in a cosine.
    # "dog dog cat" against "dog": 1-grams (2, 1) and (1, 0), cosine 2 / sqrt(5); no 2-grams in common.
    # CIDEr = 10 * mean over n of (2 / sqrt(5), 0, 0, 0).
    references = [[["dog"]], [["bird"]]]
    plain = Cider.from_references(references).score([split("dog dog cat"), ["bird"]])
    assert plain == pytest.approx([10 * (2 / math.sqrt(5)) / 4, 10 / 4])
    # CIDEr-D: the match is clipped to 1, and the prediction is two words longer: exp(-2^2 / (2 * 6^2)).
    clipped = CiderD.from_references(references).score([split("dog dog cat"), ["bird"]])
    assert clipped == pytest.approx([10 * math.exp(-4 / 72) / math.sqrt(5) / 4, 10 / 4])


def test_cider_weighs_telling_words_higher():
    # idf("a") = log(2/2) = 0, idf("dog") = log(2/1): the caption that names the dog gets everything.
    cider = CiderD.from_references([[split("a dog")], [split("a cat")]])
    assert cider.score([["a"], ["dog"]], [0, 0])[0] == 0 < cider.score([["dog"]], [0])[0]


def test_given_document_frequencies_are_those_that_count():
    # The frequencies of the training set are saved and used on other images.
    references = [[split("a dog"), split("the dog")], [split("a cat")]]
    single = {("the",): 1, ("cat",): 1, ("dog",): 1}
    frequency = {**single, ("a", "cat"): 1, ("the", "dog"): 1, ("a", "dog"): 1, ("a",): 2}
    predictions = [split("a dog"), split("a zebra")]
    given, counted = CiderD(frequency, documents=2), CiderD.from_references(references)
    assert given.rows(predictions, References(references))[:, 0] == pytest.approx(counted.score(predictions))
    assert given.statistics(predictions[0], references[0]) == pytest.approx(
        counted.statistics(predictions[0], references[0])
    )
    with pytest.raises(ValueError, match="1 to 1 images"):
        CiderD(frequency, documents=1)
    with pytest.raises(ValueError, match="from_references"):
        given.score(predictions)


@given(corpus=CORPUS, seed=st.integers(0, 99))
def test_a_batch_scores_as_its_captions_alone(corpus, seed):
    # Rewards of five samples an image must not depend on which other images share the batch.
    cider = CiderD.from_references([references for _, references in corpus])
    images = np.random.default_rng(seed).integers(0, len(corpus), 7)
    predictions = [[*corpus[(image + 1) % len(corpus)][0], "zebra"] for image in images]
    alone = [cider.statistics(words, corpus[image][1])[0] for words, image in zip(predictions, images, strict=True)]
    assert cider.score(predictions, images) == pytest.approx(alone)
    assert cider.score(predictions, images) == pytest.approx(cider.score(predictions, images))  # nothing piles up


@pytest.mark.parametrize(
    ("images", "message"), [([0], "each of 2 predictions"), ([0, 2], "are 0 to 1"), ([-1, 0], "are 0 to 1")]
)
def test_images_that_do_not_fit_are_refused(images, message):
    # Numpy would take -1 for the last image and reward the wrong captions.
    cider = CiderD.from_references([[["a"]], [["b"]]])
    with pytest.raises(ValueError, match=message):
        cider.score([["a"], ["b"]], images)


def test_diversity_by_hand():
    # "a dog" twice, "a cat": 2 of 3 captions distinct; words a dog a dog a cat: 3 of 6; 2-grams: 2 of 3.
    # Training has "a dog" only: 1 of 3 is novel.
    captions = [split("a dog"), split("a dog"), split("a cat")]
    metric, novel = Diversity(), NovelCaptions([["a", "dog"]])
    scores = metric.combine(metric.rows(captions)) | novel.combine(novel.rows(captions))
    assert scores["distinct_captions"] == pytest.approx(2 / 3)
    assert scores["distinct_1"] == pytest.approx(1 / 2)
    assert scores["distinct_2"] == pytest.approx(2 / 3)
    assert scores["novel_captions"] == pytest.approx(1 / 3)
    with pytest.raises(MetricUnavailable, match="needs the training captions"):
        NovelCaptions.for_corpus(None)


@given(captions=st.lists(CAPTION, min_size=2, max_size=8))
def test_self_bleu_is_bleu_against_all_others(captions):
    # The short cut by the two highest counts, against N corpora of N - 1 references.
    others = [captions[:n] + captions[n + 1 :] for n in range(len(captions))]
    rows = Bleu().rows(captions, References(others))
    metric = Diversity()
    expected = float(np.mean(Bleu.per_item(rows)["bleu_4"]))
    assert metric.combine(metric.rows(captions))["self_bleu_4"] == pytest.approx(expected, abs=1e-9)
