"""`captioner serve`: who may reach it, and what is missing."""

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.cli.serve import _is_loopback, _weights_by_model


def refused(*arguments):
    ran = CliRunner().invoke(app, ["serve", *arguments])
    assert ran.exit_code == 1
    return " ".join((ran.stdout + ran.stderr).split())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_other_machines_need_a_token(host, monkeypatch):
    monkeypatch.delenv("CAPTIONER_TOKEN", raising=False)
    assert "can be reached from other machines. Give a token" in refused("--host", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_none(host):
    assert _is_loopback(host)


def test_a_missing_extra_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "uvicorn is needed by this command. Install it with: pip install 'captioner[serve]'" in refused()


def test_a_model_that_is_none_is_a_sentence():
    pytest.importorskip("uvicorn")
    assert "is not a model" in refused("--model", "nonesuch")


def test_weights_are_those_of_one_model(tmp_path):
    """Wrong if weights of VGG16 reach a model that has no VGG16."""
    pytest.importorskip("uvicorn")
    (tmp_path / "vgg16.h5").touch()
    file = f"{tmp_path}/vgg16.h5"
    assert _weights_by_model([f"a={file}", f"b={file}"]) == {"a": Path(file), "b": Path(file)}
    assert "Weights are given for 'flickr8k', but the models here are: photos." in refused(
        "--model", "photos", "--encoder-weights", f"flickr8k={file}"
    )


@pytest.mark.parametrize("given", [[__file__], ["photos="], [f"={__file__}"], [f"a={__file__}", f"a={__file__}"],
                                   ["photos=nonesuch.h5"]])  # fmt: skip
def test_weights_without_a_model_or_a_file_are_wrong_usage(given):
    with pytest.raises(typer.BadParameter, match=r"one NAME=FILE a model was expected|there is no file 'nonesuch.h5'"):
        _weights_by_model(given)
