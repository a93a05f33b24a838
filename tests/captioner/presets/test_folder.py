"""Presets: what does not belong together is refused, and the file is named."""

import codecs
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.presets.folder import change_settings, is_preset, kind_of_preset, read_preset, write_preset
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, TextSettings
from captioner.text.files import checksum
from captioner.text.vocabulary import Vocabulary

KINDS = {"captioner": CaptionerSettings}
SETTINGS = CaptionerSettings(
    encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
    decoder=DecoderSettings(units=3, embedding_size=3, attention_size=3),
    text=TextSettings(tokenizer="unicode"),
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
    metadata["checksums"].pop("metadata.json")  # as in presets of before there was one
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


def test_settings_change_and_nothing_else(preset):
    """Wrong if calibrating a model loses where it is from, or leaves a preset that no longer loads."""
    before = read_preset(preset, KINDS)
    change_settings(preset, before.settings.model_copy(update={"min_score": -0.75}))
    after = read_preset(preset, KINDS)
    assert after.settings.min_score == -0.75 and before.settings.min_score is None
    assert after.settings.model_copy(update={"min_score": None}) == before.settings
    assert after.weights.read_bytes() == b"weights" and after.vocabulary == before.vocabulary
    assert after.metadata["recipe"] == before.metadata["recipe"]


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
    settings = SETTINGS.model_copy(update={"text": TextSettings(tokenizer="unicode", max_length=9)})
    other = write(tmp_path / "other", ["a", "cat"], b"others", settings)
    (preset / name).write_bytes((other / name).read_bytes())
    with pytest.raises(UserError, match=rf"{name} is damaged or belongs to another model"):
        read_preset(preset, KINDS)


def test_another_kind_of_model_is_refused(preset):
    change_config(preset, kind="vqa")
    with pytest.raises(UserError, match="holds a model of kind 'vqa', but 'captioner' is needed here"):
        read_preset(preset, KINDS)


@pytest.mark.parametrize(
    "kind", [["captioner"], {"captioner": 1}, 3, None, "x" * 10**5], ids=["list", "dict", "number", "null", "long"]
)
def test_a_kind_of_another_type_is_a_sentence(preset, kind):
    change_config(preset, kind=kind)
    with pytest.raises(UserError, match=r"holds a model of kind .*, but 'captioner' is needed here") as raised:
        read_preset(preset, KINDS)
    assert len(str(raised.value)) < 500
    assert isinstance(kind_of_preset(preset), str)


@pytest.mark.skipif(os.name == "nt", reason="no pipes and devices")
@pytest.mark.parametrize("what", ["pipe", "device", "folder"])
@pytest.mark.parametrize("name", [name for name in FILES if name != "config.json"])
def test_what_is_no_file_is_a_sentence(preset, name, what):
    """A pipe would be waited for, /dev/zero would never end."""
    (preset / name).unlink()
    if what == "pipe":
        os.mkfifo(preset / name)
    elif what == "device":
        (preset / name).symlink_to("/dev/zero")
    else:
        (preset / name).mkdir()
    with pytest.raises(UserError, match=rf"{name} cannot be read: "):
        read_preset(preset, KINDS)


@pytest.mark.skipif(os.name == "nt", reason="no pipes")
def test_a_config_that_is_a_pipe_is_no_model(preset):
    (preset / "config.json").unlink()
    os.mkfifo(preset / "config.json")
    assert kind_of_preset(preset) == "captioner"
    with pytest.raises(UserError, match=r"it has no config\.json"):
        read_preset(preset, KINDS)


def test_another_format_is_refused(preset):
    change_config(preset, format=99)
    with pytest.raises(UserError, match=r"config\.json has format 99; this version reads format 2"):
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


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("text", ["9" * 5000, '{"format": ' + "9" * 5000 + "}", DEEP, '{"format": ' + DEEP + "}"])
def test_json_that_python_will_not_read_is_damage_too(preset, text):
    """Its parser refuses numbers of thousands of digits and deep nests with errors of its own."""
    change(preset, "config.json", text)
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        read_preset(preset, KINDS)
    (preset / "metadata.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"metadata\.json is damaged"):
        read_preset(preset, KINDS)


@pytest.mark.parametrize(
    "text", ['{"a": ' + "[" * 300 + "]" * 300 + "}", '{"a": 1' + "0" * 300 + "}"], ids=["deep", "digits"]
)
def test_json_that_python_reads_but_cannot_print_is_damage_too(preset, text):
    change(preset, "config.json", text)
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        read_preset(preset, KINDS)
    (preset / "metadata.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"metadata\.json is damaged"):
        read_preset(preset, KINDS)


def test_a_folder_that_is_no_preset_is_told_apart(tmp_path):
    with pytest.raises(UserError, match=r"is not a model: it has no config\.json"):
        read_preset(tmp_path, KINDS)
    with pytest.raises(UserError, match=r"is not a model: there is no such folder"):
        read_preset(tmp_path / "nothing", KINDS)


STEPS = ("fsync", "rename", "replace", "rmdir")  # what a write does to a disk beyond writing new files


class Killed(BaseException):
    """Stands for SIGKILL: nothing that comes after it in the program may run."""


def write_and_be_killed(folder, monkeypatch, moment, after):
    """Writes another preset until the step numbered `moment`; tells whether it came to that."""
    calls = 0

    def guarded(step):
        def stopped(*arguments, **options):
            nonlocal calls
            if calls >= moment:  # dead already: clearing up is not done either
                raise Killed
            calls += 1
            if calls == moment and not after:
                raise Killed
            result = step(*arguments, **options)
            if calls == moment:
                raise Killed
            return result

        return stopped

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, guarded(getattr(os, name)))
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        try:
            write(folder, ["a", "cat", "x"], b"new weights")
        except Killed:
            return True
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_point_leaves_the_old_preset_or_the_new_one(tmp_path, monkeypatch, after):
    """Half of an old model with half of a new one would be refused: a training would have lost its best model."""
    found, moment, killed = [], 0, True
    while killed:
        moment += 1
        folder = write(tmp_path / f"{moment}")
        killed = write_and_be_killed(folder, monkeypatch, moment, after)
        preset = read_preset(folder, KINDS)
        found.append((preset.vocabulary.words[4:], preset.weights.read_bytes()))
        assert read_preset(write(folder, ["a", "bird"]), KINDS).vocabulary.words[4:] == ("a", "bird")
        assert sorted(path.name for path in folder.iterdir()) == sorted(FILES), "the next write left rubbish behind"
    old, new = (("a", "dog"), b"weights"), (("a", "cat", "x"), b"new weights")
    assert set(found) == {old, new} and found == sorted(found, key=lambda one: one == new), "an old one came back"
    assert moment > 9, "the write was not stopped at each of its steps"


def test_a_reader_that_meets_a_swap_tries_again(preset, monkeypatch):
    """A model that is looked at while its training goes on must not be called damaged."""
    from captioner.presets import folder as room

    swapped = []

    def checksum_of(path):
        if not swapped:
            swapped.append(True)
            write(preset, ["a", "cat"], b"new weights")
        return checksum(path)

    monkeypatch.setattr(room, "checksum", checksum_of)
    assert read_preset(preset, KINDS).vocabulary.words[4:] == ("a", "cat")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("tiny", "huge"),
        lambda text: text.replace('"recipe"', '"receipt"'),
        lambda text: text.replace("{", '{"licence": "free",', 1),
    ],
)
def test_metadata_that_was_changed_is_named(preset, damage):
    """A report would state a recipe, data set or licence that the model does not have."""
    path = preset / "metadata.json"
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UserError, match=r"metadata\.json is damaged or was changed"):
        read_preset(preset, KINDS)


def test_metadata_laid_out_anew_is_the_same_metadata(preset):
    path = preset / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert read_preset(preset, KINDS).metadata["recipe"] == "tiny é"


@pytest.mark.parametrize("entry", ["encoder", "data_set", "scores", "trained"])
@pytest.mark.parametrize("value", [[], "vgg16", 3, None])
def test_an_entry_of_another_type_is_a_sentence(preset, entry, value):
    change_metadata(preset, **{entry: value})
    with pytest.raises(UserError, match=rf"metadata\.json is damaged: its entry '{entry}' should be an object"):
        read_preset(preset, KINDS)


def change_metadata(folder, **values):
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text(encoding="utf-8"))
    metadata["checksums"].pop("metadata.json")
    path.write_text(json.dumps({**metadata, **values}), encoding="utf-8")


def test_weights_that_could_not_be_written_leave_no_rubbish(tmp_path):
    def full(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_preset(tmp_path, SETTINGS, Vocabulary(["a"], "unicode"), full, {})
    assert not [path for path in tmp_path.iterdir() if "new" in path.name]


ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("attributes", [True, False], ids=[".gitattributes", "no .gitattributes"])
def test_a_preset_that_git_converted_for_windows_loads(tmp_path, preset, attributes):
    """Git for Windows writes other line ends unless it is told not to: then no installed model would load."""
    if attributes:
        shutil.copy(ROOT / ".gitattributes", preset)
    git("init", "-q", cwd=preset)
    git("add", ".", cwd=preset)
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "A model", cwd=preset)
    clone = tmp_path / "clone"
    git("clone", "-q", "-c", "core.autocrlf=true", str(preset), str(clone), cwd=tmp_path)
    converted = [name for name in FILES if b"\r\n" in (clone / name).read_bytes()]
    assert converted == ([] if attributes else ["config.json", "vocabulary.txt", "metadata.json"])
    assert read_preset(clone, KINDS).vocabulary == read_preset(preset, KINDS).vocabulary


def git(*arguments, cwd):
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *arguments], cwd=cwd, env=environment, check=True)


def test_a_preset_with_byte_order_marks_loads(preset):
    """What an editor of Windows puts before a text is no damage."""
    for name in ("config.json", "vocabulary.txt", "metadata.json"):
        (preset / name).write_bytes(codecs.BOM_UTF8 + (preset / name).read_bytes().replace(b"\n", b"\r\n"))
    assert read_preset(preset, KINDS).vocabulary == Vocabulary(["a", "dog"], "unicode")
    assert kind_of_preset(preset) == "captioner"
