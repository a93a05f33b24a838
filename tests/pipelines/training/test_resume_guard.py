"""A run that goes on gets the data that it began with, or a sentence."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from captioner.errors import UserError
from captioner.presets.folder import WEIGHTS
from pipelines.data.examples import CaptionExample, DataSet
from pipelines.recipes.recipe import load_recipe
from pipelines.training.experiment import train
from pipelines.training.resume_guard import DATA, DataIdentity, check_same_data, check_same_networks, keep_data
from pipelines.training.run_folder import keep_recipe


def dataset(root="here", **changes):
    examples = [
        CaptionExample(f"{n}.jpg", Path(root, f"{n}.jpg"), (f"dog {n}",), "train" if n < 3 else "dev") for n in range(5)
    ]
    return DataSet("table", Path(root), tuple(dataclasses.replace(one, **changes.get(one.id, {})) for one in examples))


def test_the_same_data_in_another_folder_is_the_same(tmp_path):
    check_same_data(DataIdentity.of(dataset()), tmp_path)  # a run of before this was noted
    keep_data(DataIdentity.of(dataset()), tmp_path)
    check_same_data(DataIdentity.of(dataset("there")), tmp_path)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"1.jpg": {"captions": ("cat",)}}, "the sizes are the same, but not the contents"),
        ({"1.jpg": {"id": "x.jpg"}}, "the sizes are the same, but not the contents"),
        ({"1.jpg": {"split": "dev"}}, r"table \(3 train, 2 dev\) then, table \(2 train, 3 dev\) now"),
    ],
)
def test_other_data_is_refused_and_told(tmp_path, change, sentence):
    """A model that learns half from one set and half from another has a score that means nothing."""
    keep_data(DataIdentity.of(dataset()), tmp_path)
    with pytest.raises(UserError, match=sentence):
        check_same_data(DataIdentity.of(dataset(**change)), tmp_path)


@pytest.mark.parametrize("text", ["[", "[" * 100_000], ids=["cut", "too deep"])
def test_a_damaged_note_is_named(tmp_path, text):
    (tmp_path / DATA).write_text(text)
    with pytest.raises(UserError, match=r"data\.json is damaged"):
        check_same_data(DataIdentity.of(dataset()), tmp_path)


def test_a_score_that_the_data_cannot_have_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.tasks.captioning.train.open_captions", lambda *_: dataset())
    recipe = load_recipe("shapes", ["training.select_by=faithfulness"])
    with pytest.raises(UserError, match="'faithfulness' is a score of the data set shapes, and here is table"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_training_goes_on_with_no_other_data(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pipelines.tasks.captioning.train.open_captions", lambda *_: dataset(**{"1.jpg": {"captions": ("cat",)}})
    )
    recipe = load_recipe("shapes", ["training.select_by=bleu_4"])
    keep_data(DataIdentity.of(dataset()), tmp_path)
    keep_recipe(recipe, tmp_path)
    with pytest.raises(UserError, match="was begun with other data"):
        train(recipe, tmp_path)


def test_a_run_goes_on_through_the_network_it_began_with_and_tells_of_another_beginning(tmp_path):
    """Features of other weights mean other things: training would go on with nonsense."""
    ours, others = (SimpleNamespace(weights_fingerprint=[[size, 0.1]]) for size in (1.0, 1.1))
    rounded, told = SimpleNamespace(weights_fingerprint=[[1.0005, 0.1003]]), []
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / WEIGHTS).write_bytes(b"as it was")
    check_same_networks(tmp_path, ours, None, told.append)  # nothing was noted
    keep_data(DataIdentity.of(dataset()), tmp_path, ours, tmp_path / "start")
    check_same_networks(tmp_path, rounded, tmp_path / "start", told.append)
    assert not told
    with pytest.raises(UserError, match="other weights of the frozen network"):
        check_same_networks(tmp_path, others, None, told.append)
    (tmp_path / "start" / WEIGHTS).write_bytes(b"trained further")
    check_same_networks(tmp_path, None, tmp_path / "start", told.append)
    assert len(told) == 1 and "did not begin from" in told[0]
