"""Keras and its backend as people have them installed: each fault is a sentence, and nothing waits for ever."""

import copy
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from captioner import backend
from captioner.errors import UserError
from captioner.models.captioning.ensemble import Ensemble
from tests.support_language import tiny_model

ROOT = Path(__file__).parents[2]


def python(code, **environment):
    """A fresh interpreter; returns what it printed and what it wrote to standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=kept | environment
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("code", "environment", "said"),
    [
        ("", {"KERAS_BACKEND": "tensorfow"}, "no backend called 'tensorfow'.* Did you mean `tensorflow`"),
        ("sys.modules['jax'] = None", {"KERAS_BACKEND": "jax"}, "package jax is needed.*pip install jax, or use Tens"),
        ("sys.modules['tensorflow'] = None", {}, r"package tensorflow is needed.*pip install 'captioner\[cpu\]'\."),
    ],
)
def test_a_backend_that_is_not_there_is_a_sentence(code, environment, said, tmp_path):
    _, errors = python(f"import sys; {code}\nimport captioner; captioner.LanguageModel", **environment)
    assert "During handling" not in errors and "direct cause" not in errors
    with pytest.raises(UserError, match=said):
        raise UserError(errors.splitlines()[-1])


@pytest.mark.parametrize("content", ["[1]", '{"floatx": "int8"}', '{"epsilon": 1}'])
def test_a_damaged_keras_json_is_named(content, tmp_path):
    (tmp_path / "keras.json").write_text(content)
    _, errors = python("import captioner; captioner.LanguageModel", KERAS_HOME=str(tmp_path))
    assert f"in {tmp_path / 'keras.json'} are damaged, delete this file" in errors.splitlines()[-1]


STATES = {"image_data_format": "channels_first", "floatx": "float16", "dtype_policy": "mixed_bfloat16"}


@pytest.fixture(params=STATES)
def other_state(request):
    """Keras as a `keras.json` or a script may have set it."""
    before = {"image_data_format": keras.config.image_data_format(), "floatx": keras.config.floatx(),
              "dtype_policy": keras.config.dtype_policy()}  # fmt: skip
    getattr(keras.config, f"set_{request.param}")(STATES[request.param])
    yield request.param
    for name, value in before.items():
        getattr(keras.config, f"set_{name}")(value)


def test_another_state_of_keras_is_refused_before_a_network_is_made(other_state):
    """Wrong if float16 trained to a loss of 30, or if channels first failed somewhere inside Keras."""
    with pytest.raises(UserError, match=rf"{other_state} = .*Call keras\.config\.set_{other_state}\('"):
        tiny_model()


def test_a_program_that_owns_its_process_sets_the_state(other_state):
    backend.set_keras_state()
    backend.require_keras_state()


def test_the_command_line_takes_no_state_from_keras_json(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}')
    code = (
        "from pipelines.utils.console import load_keras; load_keras(); import keras; "
        "print(keras.config.image_data_format(), keras.config.floatx(), keras.config.dtype_policy().name, "
        "keras.config.epsilon())"
    )
    printed, errors = python(code, KERAS_HOME=str(tmp_path))
    assert printed.split() == ["channels_last", "float32", "float32", "1e-07"], errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("use", ["score", "load"])
def test_a_fork_says_what_works_in_place_of_waiting_for_ever(use, tmp_path):
    model = tiny_model()
    model.save_to_preset(tmp_path / "preset")
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            model.score(["ab"]) if use == "score" else type(model).from_preset(tmp_path / "preset")
        except UserError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    assert 'multiprocessing.get_context("spawn")' in said and "from_preset" in said


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_cannot_be_pickled_says_what_works(copied):
    with pytest.raises(
        UserError, match=r"LanguageModel cannot be pickled or copied.*save_to_preset.*LanguageModel\.from"
    ):
        copied(tiny_model())
    with pytest.raises(UserError, match=r"Ensemble\.from_presets"):
        copied(Ensemble.__new__(Ensemble))


class Tracing:
    """A network whose prediction makes TensorFlow warn, as the fifth compiled size does."""

    def predict_on_batch(self, inputs):
        logging.getLogger("tensorflow").warning("5 out of the last 5 calls to %s triggered tf.function retracing.", "f")
        logging.getLogger("tensorflow").warning("something else")
        return inputs


def test_a_network_for_each_size_is_no_reason_for_a_warning(caplog):
    """Other warnings, and those of other networks, reach their reader."""
    assert backend.predict_on_batch(Tracing(), 3) == 3
    assert [record.getMessage() for record in caplog.records] == ["something else"]
    Tracing().predict_on_batch(3)
    assert len(caplog.records) == 3


@pytest.mark.long
def test_a_plain_script_prints_its_caption_and_nothing_else(tmp_path):
    """Notices of oneDNN and XLA at the import, and warnings of retracing from the fifth batch size on."""
    code = f"""
import numpy as np
from captioner import LanguageModel
model = LanguageModel.from_preset({str(tmp_path / "preset")!r})
for number in range(1, 8):
    model.score(["ab"] * number)
print(model.sample(3, temperature=0))
"""
    tiny_model().save_to_preset(tmp_path / "preset")
    printed, errors = python(code)
    assert errors == "" and len(printed.splitlines()) == 1


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_notices_are_held_back_and_all_else_is_passed_on(closed):
    """Also where standard error is closed, which `os.dup` does not survive."""
    code = """
import os, sys
from captioner.backend import _without_notices
if CLOSED: os.close(2)
with _without_notices():
    if not CLOSED: os.write(2, b"I0000 00:00 notice\\nE0000 00:00 error\\n")
print("done")
""".replace("CLOSED", str(closed))
    printed, errors = python(code)
    assert printed.split() == ["done"] and errors == ("" if closed else "E0000 00:00 error\n")


def test_a_machine_without_room_for_a_temporary_file_loads_keras_all_the_same(monkeypatch):
    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(backend.tempfile, "TemporaryFile", refuse)
    with backend._without_notices():
        pass


@pytest.mark.parametrize("name", ["openvino", "numpy"])
def test_a_backend_that_builds_no_networks_is_a_sentence(name, monkeypatch):
    """Keras has it and loads it, and the first search was a traceback."""
    monkeypatch.setattr("keras.config.backend", lambda: name)
    with pytest.raises(UserError, match=f"Keras runs on '{name}'.*KERAS_BACKEND.*to one of tensorflow, jax, torch"):
        backend.require_usable_backend()
