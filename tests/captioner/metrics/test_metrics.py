"""Metrics: the numbers of the COCO scorer, and what holds for every metric."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics import METRICS
from captioner.metrics.bleu import Bleu
from captioner.metrics.cider import CiderD
from captioner.metrics.ngrams import References
from captioner.metrics.rouge import RougeL

split = str.split
GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "metrics.json").read_text(encoding="utf-8"))
PREDICTIONS = [image["prediction"].split() for image in GOLDEN["images"]]
REFERENCES = [[words.split() for words in image["references"]] for image in GOLDEN["images"]]

CAPTION = st.lists(st.sampled_from(split("a the dog cat runs on")), max_size=8)
CORPUS = st.lists(st.tuples(CAPTION, st.lists(CAPTION, min_size=1, max_size=4)), min_size=1, max_size=6)


def make(name, references):
    return METRICS.get(name).for_corpus(References(references), training=[["a", "dog"]])


def scores_of(name, predictions, references):
    metric = make(name, references)
    return metric.combine(metric.rows(predictions, References(references)))


@pytest.mark.parametrize("name", ["bleu", "rouge_l", "cider_d"])
def test_scores_are_those_of_the_coco_scorer(name):
    # Golden values (tests/golden/make_metrics.py). If they differ, no number of ours compares with a paper's.
    metric, references = make(name, REFERENCES), References(REFERENCES)
    rows = metric.rows(PREDICTIONS, references)
    scores = metric.combine(rows)
    expected = {key: value for key, value in GOLDEN["corpus"].items() if key.startswith(name)}
    assert expected and {key: scores[key] for key in expected} == pytest.approx(expected, abs=1e-9)
    for key, values in metric.per_item(rows).items():
        np.testing.assert_allclose(values, GOLDEN["per_caption"][key], atol=1e-9)


@given(corpus=CORPUS)
def test_any_corpus_scores_as_in_the_coco_scorer(corpus):
    # The live comparison finds what a handful of golden captions does not: ties, empty captions, one image.
    pytest.importorskip("pycocoevalcap", reason="needs the extra `coco`")
    from pycocoevalcap.bleu.bleu import Bleu as CocoBleu
    from pycocoevalcap.cider.cider import Cider as CocoCider
    from pycocoevalcap.rouge.rouge import Rouge as CocoRouge

    predictions, references = [list(side) for side in zip(*corpus, strict=True)]
    coco = (
        {n: [" ".join(words) for words in of_image] for n, of_image in enumerate(references)},
        {n: [" ".join(words)] for n, words in enumerate(predictions)},
    )
    bleu, bleus = CocoBleu(4).compute_score(*coco, verbose=0)
    rouge, rouges = CocoRouge().compute_score(*coco)
    ours = scores_of("bleu", predictions, references)
    assert [ours[f"bleu_{n}"] for n in (1, 2, 3, 4)] == pytest.approx(bleu, abs=1e-6)
    assert scores_of("rouge_l", predictions, references)["rouge_l"] == pytest.approx(rouge, abs=1e-6)
    counted = References(references)
    assert Bleu.per_item(Bleu().rows(predictions, counted))["bleu_4"] == pytest.approx(bleus[3], abs=1e-6)
    assert RougeL().rows(predictions, counted)[:, 0] == pytest.approx(rouges, abs=1e-6)
    if any(any(of_image) for of_image in references):  # the COCO scorer fails where no reference has a word
        cider, ciders = CocoCider().compute_score(*coco)
        assert scores_of("cider_d", predictions, references)["cider_d"] == pytest.approx(cider, abs=1e-6)
        assert CiderD.from_references(references).score(predictions) == pytest.approx(ciders, abs=1e-6)


@pytest.mark.parametrize("name", ["bleu", "rouge_l", "cider_d", "cider", "meteor"])
@given(corpus=CORPUS, place=st.integers(0, 8))
def test_unk_never_helps(name, corpus, place):
    # `<unk>` in place of a word must score as any word that no reference has: once references are mapped to
    # `<unk>`, a model that knows nothing gets a good score.
    predictions, references = [list(side) for side in zip(*corpus, strict=True)]
    metric, counted = make(name, references), References(references)

    def rows_with(word):
        return metric.rows([[*words[:place], word, *words[place + 1 :]] for words in predictions], counted)

    unknown, other = rows_with("<unk>"), rows_with("qwertyuiop")
    if name == "meteor":
        # Its words are "<", "unk" and ">", as in the original. Of single captions: the score of all counts the
        # reference that is best for each caption, which need not be the best for all.
        assert np.all(metric.per_item(unknown)[name] <= metric.per_item(other)[name] + 1e-12)
    else:
        assert metric.combine(unknown) == metric.combine(other)


@pytest.mark.parametrize("name", METRICS.names())
@given(corpus=CORPUS)
def test_rows_of_a_batch_are_those_of_single_captions(name, corpus):
    # Values of one caption and bootstrap intervals rest on it.
    predictions, references = [list(side) for side in zip(*corpus, strict=True)]
    metric = make(name, references)
    rows = metric.rows(predictions, References(references))
    assert rows.shape[0] == len(corpus) and rows.dtype == np.float64
    for row, prediction, of_image in zip(rows, predictions, references, strict=True):
        np.testing.assert_allclose(metric.statistics(prediction, of_image), row, atol=1e-12)
    assert all(math.isfinite(value) for value in metric.combine(rows).values())
    assert all(values.shape == (len(corpus),) for values in metric.per_item(rows).values())


@pytest.mark.parametrize("name", ["bleu", "rouge_l", "cider_d", "cider", "meteor"])
def test_a_perfect_caption_beats_another_and_images_are_not_mixed_up(name):
    # With the references of the wrong image, or a sign turned, all else could still look plausible.
    references = [
        [split("a dog runs on the grass")],
        [split("two red boats lie at sea")],
        [split("snow on a hill")],
    ]
    right = [of_image[0] for of_image in references]
    wrong = [*right[1:], right[0]]
    best, worst = scores_of(name, right, references), scores_of(name, wrong, references)
    key = "bleu_4" if name == "bleu" else name
    highest = 10 if name.startswith("cider") else 1
    assert best[key] == pytest.approx(highest) and worst[key] < best[key] / 3


def test_an_image_without_references_is_an_error():
    # A score against nothing would be a silent zero in the mean.
    with pytest.raises(ValueError, match="Image number 1 has no reference"):
        References([[["a"]], []])


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_says_what_it_is(name):
    # `captioner list` and the README print these lines.
    assert len(METRICS.summary(name)) > 20
