"""Presets: what does not belong together is refused, and the file is named."""

import json
import os

import pytest

from captioner.errors import UserError
from captioner.models.captioner import ImageCaptioner
from captioner.presets.folder import checksum, is_preset, read_preset, write_preset
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, TextSettings
from captioner.text.vocabulary import Vocabulary

KINDS = {"captioner": CaptionerSettings}
SETTINGS = CaptionerSettings(
    encoder=EncoderSettings(name="vgg_small", image_size=16, channels=8, pool=1),
    decoder=DecoderSettings(units=3, embedding_size=3, attention_size=3),
    text=TextSettings(tokeniser="unicode"),
)
FILES = ["config.json", "vocabulary.txt", "model.weights.h5", "metadata.json"]


def write(folder, words=("a", "dog"), weights=b"weights", settings=SETTINGS):
    write_preset(
        folder, settings, Vocabulary(words, "unicode"), lambda path: path.write_bytes(weights), {"recipe": "tiny é"}
    )
    return folder


@pytest.fixture
def preset(tmp_path):
    return write(tmp_path / "preset")


def change(folder, name, text):
    """Writes a file of a preset as a careful stranger would: with a checksum that fits."""
    (folder / name).write_text(text, encoding="utf-8")
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    metadata["checksums"][name] = checksum(folder / name)
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")


def change_config(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    for path, value in values.items():
        *parts, last = path.split("__")
        inner = config
        for part in parts:
            inner = inner[part]
        inner[last] = value
    change(folder, "config.json", json.dumps(config))


def test_a_preset_comes_back(preset):
    found = read_preset(preset, KINDS)
    assert found.settings == SETTINGS and found.vocabulary == Vocabulary(["a", "dog"], "unicode")
    assert found.metadata["recipe"] == "tiny é" and found.weights.read_bytes() == b"weights"
    assert sorted(path.name for path in preset.iterdir()) == sorted(FILES)
    assert is_preset(preset) and not is_preset(preset.parent)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(preset, name):
    (preset / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        read_preset(preset, KINDS)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [lambda data: data[:-2], lambda data: b"", lambda data: b"\xff\x00" + data])
def test_a_damaged_file_is_named(preset, name, damage):
    path = preset / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"{name}.* is damaged"):
        read_preset(preset, KINDS)


@pytest.mark.parametrize("text", ["[]", '"captioner"', "null", '{"checksums": []}', '{"checksums": 3}', "{}"])
def test_metadata_that_is_json_but_no_metadata_is_refused(preset, text):
    (preset / "metadata.json").write_text(text)
    with pytest.raises(UserError, match=r"metadata\.json"):
        read_preset(preset, KINDS)


@pytest.mark.parametrize("name", FILES[:3])
def test_a_file_of_another_preset_is_named(preset, tmp_path, name):
    """The vocabulary travels apart from the weights elsewhere, and every word is then another one."""
    settings = SETTINGS.model_copy(update={"text": TextSettings(tokeniser="unicode", max_length=9)})
    other = write(tmp_path / "other", ["a", "cat"], b"others", settings)
    (preset / name).write_bytes((other / name).read_bytes())
    with pytest.raises(UserError, match=rf"{name} is damaged or belongs to another model"):
        read_preset(preset, KINDS)


def test_another_kind_of_model_is_refused(preset):
    change_config(preset, kind="vqa")
    with pytest.raises(UserError, match="holds a model of kind 'vqa', but 'captioner' is needed here"):
        read_preset(preset, KINDS)


def test_another_format_is_refused(preset):
    change_config(preset, format=99)
    with pytest.raises(UserError, match=r"config\.json has a format"):
        read_preset(preset, KINDS)


@pytest.mark.parametrize(
    "values",
    [
        {"decoder__cell": "os:system"},
        {"decoder__name": "../../evil:Thing"},
        {"decoder__name": {"class_name": "Lambda", "config": {"function": "exec"}}},
        {"encoder__name": "subprocess:run"},
        {"encoder__weights": "/etc/passwd"},
        {"encoder__weights": "../../secret.h5"},
        {"text__tokeniser": "../../evil"},
        {"text__tokeniser": "__import__('os')"},
        {"evil": {"module": "os", "class_name": "system"}},
        {"decoder__registered_name": "os>system"},
    ],
    ids=str,
)
def test_nothing_in_a_config_is_executed_or_looked_up_outside(preset, values):
    """A preset from a stranger must be safe to open."""
    change_config(preset, **values)
    with pytest.raises(UserError, match="preset") as told:
        ImageCaptioner.from_preset(preset)
    assert "\n  File" not in str(told.value)


def test_code_in_place_of_json_is_refused(preset):
    change(preset, "config.json", "__import__('os').system('true')")
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        read_preset(preset, KINDS)


def test_a_folder_that_is_no_preset_is_told_apart(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UserError, match=r"is not a model: it has no config\.json"):
            read_preset(folder, KINDS)


@pytest.mark.parametrize("moment", range(1, 5))
def test_a_write_that_was_interrupted_leaves_a_preset_or_names_the_file(preset, monkeypatch, moment):
    """Half of an old model with half of a new one must never be used."""
    replace, calls = os.replace, []

    def stopped(*paths):
        calls.append(paths)
        if len(calls) == moment:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(preset, ["a", "cat", "x"], b"new weights")
    try:
        found = read_preset(preset, KINDS)
        assert found.vocabulary.words[4:] == ("a", "dog") and found.weights.read_bytes() == b"weights"
    except UserError as error:
        assert any(name in str(error) for name in FILES)
    monkeypatch.undo()
    assert read_preset(write(preset, ["a", "cat"]), KINDS).vocabulary.words[4:] == ("a", "cat")


def test_weights_that_could_not_be_written_leave_no_rubbish(tmp_path):
    def full(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_preset(tmp_path, SETTINGS, Vocabulary(["a"], "unicode"), full, {})
    assert not [path for path in tmp_path.iterdir() if "new" in path.name]
