"""`captioner sequence`, with a model whose weights were drawn at random."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from captioner.models.sequences.model import SequenceModel
from captioner.models.sequences.settings import ReaderSettings, SequenceSettings
from captioner.settings import TextSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from tests.support import randomise


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def model(task):
    settings = SequenceSettings(
        task=task,
        labels=("no", "yes"),
        frame_size=8,
        text=TextSettings(tokenizer="unicode"),
        reader=ReaderSettings(units=3, embedding_size=3),
    )
    made = SequenceModel(settings, Vocabulary(["a", "star"], "unicode"))
    randomise(made.network)
    return made


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "tag"
    model("tag").save_to_preset(folder)
    return folder


def test_predict_prints_a_line_a_text(tagger):
    texts = ["a star", "star a star"]
    done = run("sequence", "predict", *texts, "--model", tagger)
    expected = SequenceModel.from_preset(tagger).predict(texts)
    assert done.exit_code == 0 and done.stdout.splitlines() == [made.text for made in expected]
    done = run("sequence", "predict", "a star", "--model", tagger, "--scores")
    assert done.stdout == f"{expected[0].score:.4f}\t{expected[0].text}\n"


def test_predict_takes_a_folder_of_frames(tmp_path):
    model("frames").save_to_preset(tmp_path / "preset")
    (tmp_path / "clip").mkdir()
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 99 + number, "uint8")).save(tmp_path / "clip" / f"{number}.png")
    done = run("sequence", "predict", tmp_path / "clip", "--model", tmp_path / "preset")
    assert done.exit_code == 0 and len(done.stdout.split()) == 3


def test_faults_are_one_sentence(tagger, tmp_path):
    for arguments, sentence in [
        (("predict", "a", "--model", tmp_path / "nowhere"), "nowhere is not a model"),
        (("predict", "...", "--model", tagger), "'...' holds no words, so there is nothing to tag."),
        (("sharing", "--cell", "lstn"), "Did you mean `lstm`?"),
    ]:
        done = run("sequence", *arguments)
        assert done.exit_code == 1 and sentence in done.output and "Traceback" not in done.output


def test_commands_for_captions_say_that_this_is_no_captioner(tagger, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    for arguments in (("caption", tmp_path / "x.png", "--model", tagger), ("evaluate", tagger)):
        done = run(*arguments)
        assert done.exit_code == 1
        assert "holds a model of kind 'sequence', but 'captioner' is needed here" in done.output
