"""Ranking: which pool, and that what a model knows is what it finds."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics.recall import chance
from pipelines.data.examples import CaptionExample
from pipelines.tasks.captioning.retrieval import (
    TO_CAPTION,
    TO_IMAGE,
    Ranking,
    against_all,
    centred_cosines,
    choose,
    rank_by_likelihood,
    rank_by_reconstruction,
)
from tests.pipelines.inference.stub_reader import StubReader

SHADES = {"night": 10, "day": 240}
TEXTS = {"night": ("a dark picture", "dark"), "day": ("a light picture", "light")}


def examples(count=2, captions=None):
    names = [("night", "day")[number % 2] for number in range(count)]
    return [
        CaptionExample(f"{name}{n}.png", Path(f"{name}{n}.png"), captions or TEXTS[name], "dev")
        for n, name in enumerate(names)
    ]


def ranked(blind, pool):
    shades = [SHADES["day" if "day" in example.id else "night"] for example in pool.examples]
    features = np.stack([np.full((4, 4, 3), shade, "float32") for shade in shades])
    guessed = {TO_CAPTION: chance(pool.right), TO_IMAGE: chance(pool.right.T)}
    results = rank_by_likelihood(StubReader(blind), features, pool, lambda done, total: None, 3)
    return Ranking({}, guessed, results)


def test_the_pool_is_spread_over_the_split_and_says_so():
    pool = choose(examples(10, ("one", "two", "three")), 4, 2)
    assert [example.id for example in pool.examples] == ["night0.png", "night2.png", "day5.png", "day7.png"]
    assert pool.texts == ["one", "two"] * 4
    assert pool.right.tolist() == np.repeat(np.eye(4, dtype=bool), 2, axis=1).tolist()
    assert pool.description == "4 of 10 images, evenly spaced, and the first 2 captions of each"
    assert choose(examples(3), None, None).description == "all 3 images, and all their captions"
    assert choose(examples(3), 200, 1).description == "all 3 images, and the first caption of each"
    with pytest.raises(UserError, match="at least two images"):
        choose(examples(1), None, None)


def test_reconstructions_are_found_by_direction_each_way(monkeypatch):
    """By hand: the second caption of the first image lies where the second image does, nearer than its own captions."""
    seen = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])  # from their mean: (-1, -1), (2, -1) and (-1, 2)
    imagined = np.array([[-1.0, -1.0], [2.0, -1.0], [3.0, -1.0], [2.0, -2.0], [-3.0, 2.0], [-3.0, 3.0]])
    elsewhere = imagined + np.array([50.0, 70.0])  # where the mean of what is imagined lies must not matter
    monkeypatch.setattr("captioner.models.captioning.reconstruction.images_and_captions", lambda *_: (seen, elsewhere))
    results = rank_by_reconstruction(None, None, choose(examples(3), None, None))
    assert results[TO_CAPTION]["reconstruction"].at[1] == pytest.approx(2 / 3)
    assert results[TO_IMAGE]["reconstruction"].at[1] == pytest.approx(5 / 6)


def test_a_model_that_knows_ranks_the_right_one_first():
    found = ranked(False, choose(examples(), None, None))
    for what in (TO_CAPTION, TO_IMAGE):
        for one in found.results[what].values():
            assert one.at[1] == 1.0 and one.median_rank == 1
    told = found.as_json()["found"][TO_IMAGE]["log p"]
    assert told["recall_1"] == 1.0 and told["recall_1_over_chance"] == 2.0


def test_a_model_that_does_not_look_finds_nothing_by_log_p_against_all_images():
    """Its likelihoods tell captions apart, but not images; ranks by these are those of chance."""
    found = ranked(True, choose(examples(6), None, 1))
    assert found.results[TO_IMAGE]["log p"] == found.chance[TO_IMAGE]
    assert found.results[TO_CAPTION]["log p less that over all images"] == found.chance[TO_CAPTION]


def test_a_bland_caption_loses_what_it_has_from_all_images():
    """A caption of probability 0.4 for each image says nothing of any; the other is twice as likely as on average."""
    p = np.array([[0.4, 0.2], [0.4, 0.0]])
    with np.errstate(divide="ignore"):
        assert np.exp(against_all(np.log(p))) == pytest.approx(np.array([[1.0, 2.0], [1.0, 0.0]]))


def test_closeness_is_the_cosine_from_the_means():
    seen, imagined = np.array([[0.0, 1], [2, 2], [1, 0]]), np.array([[0.0, 0], [2, 1], [4, 5]])
    one, other = seen - [1, 1], imagined - [2, 2]
    expected = [[a @ b / np.sqrt((a @ a) * (b @ b)) for b in other] for a in one]
    assert centred_cosines(seen, imagined) == pytest.approx(np.array(expected))
    assert np.isfinite(centred_cosines(seen[:1], imagined)).all(), "a vector at the mean has no direction"


def test_tables_name_the_pool_and_what_chance_gives(capsys):
    from pipelines.cli.retrieval import print_ranking

    pool = choose(examples(8), 4, 1)
    found = ranked(False, pool)
    facts = {"split": "dev", "pool": pool.description, "images": 4, "captions": 4}
    print_ranking(SimpleNamespace(facts=facts, left_out=1, results=found.results, chance=found.chance))
    out, err = capsys.readouterr()
    assert "4 of 8 images, evenly spaced, and the first caption of each" in out and "1 of these images" in err
    assert out.count("chance") >= 2 and "25.00" in out and "x)" in out
