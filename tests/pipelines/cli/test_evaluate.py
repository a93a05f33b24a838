"""`captioner evaluate`: what it refuses before any work begins."""

import pytest
from typer.testing import CliRunner

from captioner.errors import UserError
from pipelines.cli.app import app
from pipelines.tasks.captioning.evaluate import evaluate_run


def evaluate(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture
def captions(tmp_path):
    """`--predictions` and `--references` of one file, whose captions are those that were asked for."""
    path = tmp_path / "c.csv"
    path.write_text("image,caption\n1,a dog runs on\n2,a cat sleeps\n")
    return "--predictions", path, "--references", path


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--data", "flickr8k"), ("--encoder-weights", __file__), ("--language-model", "runs/language"),
        ("--language-weight", 0.5), ("--cache", "cache"), ("--force-words", "dog"), ("--bad-words", "dog"),
        ("--min-words", 3),
        ("--max-words", 9), ("--length-penalty", 1), ("--num-beam-groups", 2), ("--diversity-penalty", 1),
        ("--no-repeat-ngram-size", 2),
    ],
)  # fmt: skip
def test_what_changes_how_captions_are_made_is_refused_for_captions_that_are_made(captions, option, value):
    """Whoever gives it expects other scores, and would take the same ones for the answer."""
    done = evaluate(*captions, option, value)
    assert done.exit_code == 1
    assert f"{option} means nothing to the captions in {captions[1]}, which are written already." in done.stderr


def test_what_is_said_of_captions_that_are_made_is_taken(captions, tmp_path):
    """Their scores, and how their report is written, are still to be chosen."""
    done = evaluate(*captions, "--tokenizer", "unicode", "--split", "test", "--num-beams", 3, "--format", "both",
                    "--report", tmp_path / "report")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {"report.html", "report.md"} <= {path.name for path in (tmp_path / "report").iterdir()}
    assert "unicode" in (tmp_path / "report" / "metrics.json").read_text()


def test_words_of_captions_in_a_file_are_refused_for_a_model(tmp_path):
    """A model has a tokenizer of its own: the scores would be the same, whichever was asked for."""
    done = evaluate(tmp_path, "--tokenizer", "ptb")
    assert done.exit_code == 1 and f"--tokenizer means nothing to the model in {tmp_path}" in done.stderr


def test_the_weight_of_no_language_model_is_refused():
    """Forgetting the model itself would otherwise be told by nothing but captions that stay as they are."""
    for arguments in (["evaluate", "run"], ["caption", "photos", "--model", "run"]):
        done = CliRunner().invoke(app, [*arguments, "--language-weight", "0.5"])
        assert done.exit_code == 2 and "it goes with" in done.stderr


def test_a_model_whose_settings_are_nested_too_deep_is_a_sentence(tmp_path):
    """The kind of model is looked up first of all: what is wrong with its file must not end there."""
    (tmp_path / "config.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(UserError, match=r"metadata\.json is missing"):
        evaluate_run(tmp_path)
