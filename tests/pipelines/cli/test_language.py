"""`captioner language ...` as people type it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from tests.support_language import tiny_model

ROOT = Path(__file__).parents[3]


pytestmark = pytest.mark.usefixtures("eager")


def run(*arguments):
    return CliRunner().invoke(app, ["language", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "letters"
    made = tiny_model(["a", "b", "c", "\\n", "\u202e", "\x1b", "\\r"], cell="lstm", layers=2)
    made.save_to_preset(folder)
    return folder, made


def test_help_loads_nothing_heavy():
    command = [sys.executable, "-X", "importtime", "-m", "pipelines.cli.app", "language", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"keras", "tensorflow", "pandas", "matplotlib", "numpy"}
    for name in ("train", "sample", "score", "inspect"):
        assert name in done.stdout


def test_a_sample_is_written_as_the_model_draws_it(model):
    folder, made = model
    done = run("sample", folder, "--length", 60, "--prompt", "ab", "--seed", 3, "--temperature", 1, "--top-p", 0.9)
    assert done.exit_code == 0, done.output
    text = made.sample(60, prompt="ab", seed=3, temperature=1.0, top_p=0.9)
    shown = {"\u202e": "\\u202e", "\x1b": "\\x1b", "\r": "\\r"}
    assert done.stdout == "".join(shown.get(letter, letter) for letter in text) + "\n", "nothing may move the cursor"
    assert run("sample", folder, "--length", 60, "--prompt", "ab", "--seed", 3, "--temperature", 1,
               "--top-p", 0.9).stdout == done.stdout  # fmt: skip


def test_scores_are_shown_side_by_side(model):
    folder, _ = model
    done = run("score", folder, "--text", "abc", "--text", "cba")
    assert done.exit_code == 0 and "abc" in done.stdout and "perplexity" in done.stdout


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("sample", "RUN", "--prompt", "aß"), "The prompt has the character 'ß', which the model has never seen"),
        (("sample", "nowhere"), "nowhere is not a model"),
        (("inspect", "RUN", "--text", "abc", "--cell", "9:9"), "There is no cell '9:9'"),
        (("train", "shapes"), "shapes.toml is a recipe of kind 'captioner', but 'language' is needed here"),
        (("train", "language-character"), "Did you mean `language-characters`?"),
        (("train", "language-characters", "--data", "no.txt"), "no.txt does not exist"),
        (("train", "language-characters", "--set", "model.unit=3"), "`model.unit` is not a setting. Did you mean"),
        (("train", "language-characters", "--set", "model.window=1"), "`model.window` = 1 does not fit"),
    ],
)
def test_what_went_wrong_is_a_sentence(model, arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*(str(model[0]) if argument == "RUN" else argument for argument in arguments))
    assert done.exit_code == 1 and sentence in done.stderr and "Traceback" not in done.output, done.output
    assert not list(tmp_path.iterdir()), "a command that failed left something behind"


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "RUN"),
        ("sample", "RUN", "--length", "0"),
        ("sample", "RUN", "--temperature", "-1"),
        ("inspect", "RUN", "--text", "a", "--file", "b"),
        (),
    ],
)
def test_wrong_usage_ends_with_2(model, arguments):
    assert run(*(str(model[0]) if argument == "RUN" else argument for argument in arguments)).exit_code == 2
