"""Folders of exported models: what is wrong with one is a sentence."""

import json
import os

import pytest

from captioner.errors import UserError
from captioner.runtime.engines import OnnxNetwork, OpenVinoNetwork
from captioner.runtime.folder import EXPORT, VOCABULARY, ExportConfig, read_export
from captioner.runtime.load import load_export
from captioner.settings import CaptionerSettings
from captioner.text.files import checksum
from captioner.text.vocabulary import Vocabulary


def write_export(folder, **changes):
    Vocabulary(["a", "dog"]).save(folder / VOCABULARY)
    (folder / "encode.onnx").write_bytes(b"network")
    values = {
        "engine": "onnx",
        "settings": CaptionerSettings(),
        "image": {"height": 8, "width": 8, "preprocessing": "tf"},
        "checksums": {name: checksum(folder / name) for name in (VOCABULARY, "encode.onnx")},
    }
    config = json.loads(ExportConfig(**values).model_dump_json()) | changes
    (folder / EXPORT).write_text(json.dumps(config), "utf-8")
    return folder


def test_what_was_written_is_read(tmp_path):
    export = read_export(write_export(tmp_path))
    assert export.vocabulary.words[-1] == "dog" and export.config.image.spec.shape == (8, 8, 3)
    text = (tmp_path / VOCABULARY).read_bytes()
    (tmp_path / VOCABULARY).write_bytes(text.replace(b"\n", b"\r\n"))  # as Git writes it on Windows
    assert read_export(tmp_path).vocabulary.words[-1] == "dog"


def test_a_damaged_or_outdated_folder_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"is no exported model: it has no export.json"):
        read_export(tmp_path)
    with pytest.raises(UserError, match=r"has format 9; this version reads format 1. Export the model again."):
        read_export(write_export(tmp_path, format=9))
    with pytest.raises(UserError, match=r"export.json is damaged, or another version .* \(engine: "):
        read_export(write_export(tmp_path, engine="coreml"))
    write_export(tmp_path)
    (tmp_path / "encode.onnx").write_bytes(b"another")
    with pytest.raises(UserError, match=r"encode.onnx is damaged or belongs to another export"):
        read_export(tmp_path)
    (tmp_path / "encode.onnx").unlink()
    with pytest.raises(UserError, match=r"encode.onnx is missing"):
        read_export(tmp_path)


def test_files_outside_the_folder_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "export"
    folder.mkdir()
    for name in ("../secret", "/etc/passwd", "saved_model/../../secret"):
        with pytest.raises(UserError, match=r"which is outside of the folder"):
            read_export(write_export(folder, checksums={name: "0"}))


def test_a_saved_model_is_for_tensorflow(tmp_path):
    with pytest.raises(UserError, match=r"is a SavedModel, which TensorFlow runs"):
        load_export(write_export(tmp_path, engine="savedmodel"))


@pytest.mark.parametrize("network, package", [(OnnxNetwork, "onnxruntime"), (OpenVinoNetwork, "openvino")])
def test_a_network_that_is_none_is_a_sentence(tmp_path, network, package):
    pytest.importorskip(package)
    path = tmp_path / f"encode{network.ending}"
    path.write_bytes(b"no network")
    with pytest.raises(UserError, match=r"encode.* cannot be read by \w+: it is damaged, or from another version"):
        network(path)


def test_an_engine_that_is_not_installed_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(
        UserError, match=r"openvino is not installed. Install it with: pip install 'captioner\[openvino\]'"
    ):
        OpenVinoNetwork(tmp_path / "encode.xml")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"image": {"height": 4096, "width": 4096, "preprocessing": "tf"}}, r"image\.height: .*1024"),
        ({"checksums": {"zero\0": "0"}}, "is missing"),
        ({"checksums": {"": "0"}}, "is missing"),
        ({"checksums": {"pipe": "0"}}, "a device or a pipe"),
    ],
)
def test_what_a_stranger_may_write_into_an_export_is_a_sentence(tmp_path, changes, what):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=what):
        read_export(write_export(tmp_path, **changes))


def test_words_that_are_a_pipe_are_not_waited_for(tmp_path):
    folder = write_export(tmp_path, checksums={})
    (folder / VOCABULARY).unlink()
    os.mkfifo(folder / VOCABULARY)
    with pytest.raises(UserError, match="a device or a pipe"):
        read_export(folder)


@pytest.mark.parametrize(("network", "package"), [(OnnxNetwork, "onnxruntime"), (OpenVinoNetwork, "openvino")])
def test_networks_that_are_a_pipe_are_not_waited_for(tmp_path, network, package):
    pytest.importorskip(package)
    path = tmp_path / f"encode{network.ending}"
    os.mkfifo(path)
    with pytest.raises(UserError, match="a device or a pipe"):
        network(path)
