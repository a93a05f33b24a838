"""Cells that follow something: found on one half, judged on the other, and shown on a page."""

import dataclasses
from html.parser import HTMLParser

import numpy as np
import pytest

from captioner.errors import UserError
from pipelines.recipes.recipe import as_toml, load_recipe
from pipelines.tasks.language.analysis import text_signals as signals
from pipelines.tasks.language.analysis.cell_inspection import (
    Activity,
    correlations,
    find_followers,
    held_out_texts,
    inspect_run,
    record_activity,
)
from pipelines.tasks.language.analysis.cell_page import SHOWN, stretches, write_page
from pipelines.tasks.language.corpora import open_corpus
from tests.support_language import tiny_model

TEXT = 'a = "b" + c  # <b>"&\nf("c", [a])\n' * 8
LETTERS = [*sorted(set(TEXT) - {"\n"}), "\\n"]


pytestmark = pytest.mark.usefixtures("eager")


def test_correlation_is_pearson_s():
    random = np.random.default_rng(0)
    values, wanted = random.normal(size=(500, 7)), random.normal(size=(500, 2))
    values[:, 3] = -2 * wanted[:, 1] + 5
    values[:, 5] = 0.25
    found = correlations(values.astype("float16"), wanted, block=64)
    for cell in (0, 3, 6):
        for name in (0, 1):
            assert found[cell, name] == pytest.approx(np.corrcoef(values[:, cell], wanted[:, name])[0, 1], abs=2e-3)
    assert found[3, 1] == pytest.approx(-1, abs=1e-3)
    assert (found[5] == 0).all(), "a cell that never moves follows nothing"


def activity_of(values, **signals):
    cells = [f"1:{unit + 1}" for unit in range(values.shape[1])]
    return Activity(["x"] * len(values), values.astype("float16"), cells, signals)


def test_cells_are_found_on_the_first_half_and_judged_on_the_second():
    """A cell that follows by chance where it was found must show its chance on the other half."""
    quotes = np.tile([0.0, 0, 1, 1, 1, 0, 1, 0], 50)
    random = np.random.default_rng(0)
    values = random.normal(0, 0.1, (400, 5))
    values[:, 3] += 0.5 * quotes  # the real one
    values[:200, 1] = quotes[:200]  # perfect at first, and nothing later
    ranked = find_followers(activity_of(values, quotes=quotes, nothing=np.ones(400)))
    assert list(ranked) == ["quotes"], "a signal that never changes can be followed by no cell"
    chance, real = ranked["quotes"][:2]
    assert chance.cell == "1:2" and chance.selection_r == pytest.approx(1, abs=1e-3) and abs(chance.test_r) < 0.2
    assert real.cell == "1:4" and real.selection_r > 0.8 and real.test_r > 0.8


def test_the_recorded_activity_is_the_memory_after_each_character():
    """Of an LSTM tanh(c) of every layer; the position in a document, not in the batch, decides what came before."""
    model = tiny_model(LETTERS, cell="lstm", layers=2)
    texts = [TEXT, TEXT[:200]]
    activity = record_activity(model, texts)
    assert "".join(activity.words) == "".join(texts)
    assert activity.cells == [f"{layer}:{unit}" for layer in (1, 2) for unit in (1, 2, 3, 4)]
    states = model.network.start(1)
    ids = [1, *model.vocabulary.encode_words([letter if letter != "\n" else "\\n" for letter in TEXT[:50]])]
    for position, word in enumerate(ids):
        _, states = model.network.step(np.array([word]), states)
        if position:
            wanted = np.tanh(np.concatenate([states[1], states[3]], axis=-1))[0]
            np.testing.assert_allclose(activity.values[position - 1], wanted, atol=2e-3)
            np.testing.assert_allclose(activity.values[len(TEXT) + position - 1], wanted, atol=2e-3)
    assert activity.signals[signals.QUOTES].sum() == 2 * 2 * (8 + 6), "two strings of two characters a repetition"


@pytest.mark.parametrize(
    ("network", "shown"),
    [
        ({"cell": "gru", "layers": 1}, lambda states: states[0]),
        ({"cell": "rnn", "layers": 1, "cell_options": {"activation": "relu"}}, lambda states: np.tanh(states[0])),
        ({"cell": "rnn_linear_memory", "layers": 1}, lambda states: np.tanh(states[0])),
        ({"name": "window", "window": 2}, lambda states: states[0]),
    ],
    ids=["gru", "relu", "linear memory", "window"],
)
def test_what_is_shown_is_the_cell_s_memory_and_never_squashed_twice(network, shown):
    """Sums are squashed; a state that is an activation already would never reach full colour. The second state of a
    window waits for the next input: nobody remembers it."""
    model = tiny_model(LETTERS, **network)
    activity = record_activity(model, [TEXT[:150]])
    states = model.network.start(1)
    for word in [1, *model.vocabulary.encode_words([letter.replace("\n", "\\n") for letter in TEXT[:40]])]:
        _, states = model.network.step(np.array([word]), states)
    np.testing.assert_allclose(activity.values[39], np.asarray(shown(states))[0], atol=2e-3)


def test_of_several_files_some_choose_and_others_judge():
    """In one file both halves are by the same author: what holds there may hold nowhere else."""
    model = tiny_model(LETTERS, cell="gru", layers=1)
    activity = record_activity(model, [TEXT, TEXT[:90], TEXT[:60]], limit=200, per_text=120)
    assert "".join(activity.words) == TEXT[:120] + TEXT[:80]
    assert activity.half == 120
    assert record_activity(model, [TEXT], limit=200).half == 100
    quotes = np.repeat([0.0, 1, 0, 1], [60, 60, 40, 40])
    values = np.stack([quotes, np.where(np.arange(200) < 120, quotes, 0.3)], axis=1)
    ranked = find_followers(dataclasses.replace(activity_of(values, quotes=quotes), border=120))
    assert {follower.cell: round(follower.test_r, 2) for follower in ranked["quotes"]} == {"1:1": 1.0, "1:2": 0.0}


def test_models_of_words_have_positions_too():
    model = tiny_model(["a", "red", "cat"], tokenizer="ptb", cell="lstm", layers=1)
    activity = record_activity(model, ["a red cat " * 20] * 3)
    assert list(activity.signals) == [signals.POSITION] and len(activity.words) == 180
    with pytest.raises(UserError, match="has 3 characters or words; 100 is the least"):
        record_activity(model, ["a red cat"])


class Page(HTMLParser):
    """The text of all `pre`, and every tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.shown, self.inside = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = self.inside or tag == "pre"

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data):
        self.shown += data if self.inside else ""


def test_the_page_shows_the_text_whatever_is_in_it(tmp_path):
    """Markup in the text is text; the page leads nowhere and loads nothing."""
    letters = "\n</pre><script>alert('1')</script>&amp;\u202e😀\t" * 10
    values = np.linspace(-1, 1, 2 * len(letters))[:, None]
    quotes = np.tile([0.0, 1.0], len(letters))
    activity = Activity(list(letters * 2), values.astype("float16"), ["1:1"], {"quotes": quotes})
    followers = find_followers(activity)
    write_page(tmp_path / "deep" / "cells.html", "a <model>", activity, followers, followers)
    text = (tmp_path / "deep" / "cells.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.shown == "\n" + letters, "the first line break of a pre is not shown"
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [a for _, a in page.tags if {"src", "onload"} & set(a) or not a.get("href", "#").startswith("#")]
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text, "the style of all pages"
    assert "a &lt;model&gt;" in text and "http:" not in text and "https:" not in text
    assert 'name="viewport"' in text


def test_neighbours_of_one_shade_are_joined():
    found = list(stretches(list("abcd"), np.array([0.31, 0.29, -0.9, np.nan]), np.array([0.0, 0, 0, 1])))
    assert [(one.text, one.level, one.marked) for one in found] == [("ab", 3, False), ("c", -9, False), ("d", 0, True)]


def test_a_model_is_looked_into_over_the_text_that_it_was_validated_on(tmp_path):
    """Wrong if a model of captions colours the sources of Python, or a text of that name that is another one."""
    lines = [f"{word} a red dog runs on grass" for word in ("one", "two", "three", "four", "five", "six", "ten", "old")]
    (tmp_path / "captions.txt").write_text("\n".join(lines * 3))
    settings = {"data.directory": tmp_path / "captions.txt", "data.documents": "line", "data.validation": 0.25}
    recipe = load_recipe("language-words", ["data.source=text", *(f"{key}={value}" for key, value in settings.items())])
    corpus, run = open_corpus(recipe.data), tmp_path / "run"
    tiny_model(LETTERS, cell="lstm", layers=1).save_to_preset(run)
    with pytest.raises(UserError, match=r"does not say what it was trained on .* --data, or another one with --file"):
        held_out_texts(run)
    (run / "recipe.toml").write_text(as_toml(recipe))
    (run / "text.sha256").write_text(corpus.identity() + "\n")
    assert held_out_texts(run) == lines[:1:-1] and len(corpus.dev) == 6
    (tmp_path / "captions.txt").write_text("\n".join(lines * 4))
    with pytest.raises(UserError, match=r"was trained on another text than captions\.txt\. Say where"):
        held_out_texts(run)
    (tmp_path / "again.txt").write_text("\n".join(lines * 3))
    assert held_out_texts(run, tmp_path / "again.txt") == lines[:1:-1]


def test_the_command_ranks_and_draws(tmp_path, capsys):
    model = tiny_model(LETTERS, cell="lstm", layers=1)
    model.save_to_preset(tmp_path / "run")
    file = tmp_path / "code.py"
    file.write_text(TEXT)
    followers = inspect_run(tmp_path / "run", [], file, tmp_path / "cells.html")
    output = capsys.readouterr().out
    assert {signals.QUOTES, signals.COMMENT, signals.DEPTH, signals.COLUMN} <= set(followers)
    assert "untrained" in output and "inside a comment" in output
    assert all(abs(best[0].selection_r) >= abs(best[-1].selection_r) for best in followers.values())
    inspect_run(tmp_path / "run", [TEXT], None, tmp_path / "one.html", cell="1:3")
    text = (tmp_path / "one.html").read_text()
    assert "Cell 1:3" in text and text.count("<pre ") == 1
    assert len(Page(text).shown) <= SHOWN + 1
    for wrong in ("2:1", "1:5", "1:0", "1", "a:b", ""):
        with pytest.raises(UserError, match=r"There is no cell .* this model has 1 layers of 4 units"):
            inspect_run(tmp_path / "run", [TEXT], None, tmp_path / "none.html", cell=wrong)
    assert not (tmp_path / "none.html").exists()
