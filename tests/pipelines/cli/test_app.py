"""The command line: what it imports, how it ends, and the whole way from a trained model to a report."""

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.recipes.task_registry import RECIPE_KINDS

ROOT = Path(__file__).parents[3]
REGISTRIES = [
    "captioner.cells:CELLS", "captioner.encoders:ENCODERS", "captioner.decoders:DECODERS", "captioner.metrics:METRICS",
    "captioner.text:TOKENIZERS", "pipelines.data.datasets:DATASETS", "captioner.metrics:ANSWER_METRICS",
]  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_loads_nothing_heavy():
    command = [sys.executable, "-X", "importtime", "-m", "pipelines.cli.app", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"keras", "tensorflow", "pandas", "matplotlib", "numpy", "PIL", "pydantic", "nltk"}
    for name in ("train", "caption", "ask", "evaluate", "compare", "features", "check", "data", "list"):
        assert name in done.stdout


@pytest.mark.parametrize(
    "kind",
    [
        "cells",
        "encoders",
        "question-encoders",
        "decoders",
        "datasets",
        "question-datasets",
        "recipes",
        "metrics",
        "tokenizers",
    ],
)
def test_every_list_names_something(kind):
    done = run("list", kind)
    assert done.exit_code == 0 and len(done.stdout.split()) > 3


def test_settings_of_a_recipe_are_listed_with_their_meaning():
    """Wrong if a reader of the list cannot tell what `--set` takes, or which values a recipe has."""
    done = run("list", "settings", "shapes")
    assert done.exit_code == 0
    lines = {line.partition(" = ")[0]: line for line in done.stdout.splitlines()}
    assert lines["training.epochs"].split("=")[1].split()[0] == "9" and "default 20" in lines["training.epochs"]
    assert lines["search.num_beams"].endswith("# int > 0 <= 128: K; 1 is greedy search")
    everything = run("list", "settings").stdout
    assert all(f"Recipes of kind {kind}" in everything for kind in RECIPE_KINDS.names())
    assert run("list", "recipes", "shapes").exit_code == 2, "no list but this one takes a recipe"


@pytest.mark.parametrize("path", REGISTRIES)
def test_every_summary_is_a_whole_sentence(path):
    """Lists show the first line of a docstring: a sentence that goes on in the next is cut."""
    module, _, name = path.partition(":")
    registry = getattr(import_module(module), name)
    assert not [name for name in registry.names() if not registry.summary(name).endswith(".")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("caption",), ("list", "dogs"), ("evaluate",), ("evaluate", "run", "--predictions", "p"),
        ("evaluate", "--predictions", "p"), ("fly",), ("caption", "x", "--model", "m", "--num-beams", "0"),
        ("caption", "x", "--model", "m", "--sidecar", "pdf"), ("evaluate", "run", "--format", "pdf"),
        ("evaluate", "run", "--scorer", "mine"), ("data", "shapes", "--out", "d", "--size", "train"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2(arguments):
    done = run(*arguments)
    assert done.exit_code == 2 and "Traceback" not in done.output


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("caption", "x.jpg", "--model", "nowhere"), "nowhere is not a model"),
        (("evaluate", "nowhere"), "nowhere is not a model"),
        (("check", "nowhere"), "nowhere does not exist"),
        (("compare", "nowhere"), "nowhere holds no evaluation"),
        (("train", "no-such-recipe"), "There is no recipe called 'no-such-recipe'"),
        (("evaluate", "--predictions", "p.csv", "--references", "r.csv"), "There is no file p.csv"),
    ],
)
def test_what_went_wrong_is_a_sentence_and_ends_with_1(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 1 and sentence in done.stderr and "Traceback" not in done.output
    assert not list(tmp_path.iterdir()), "a command that failed left something behind"


def test_shapes_are_drawn_and_checked(tmp_path):
    done = run("data", "shapes", "--out", tmp_path / "shapes", "--size", "train=8", "--size", "test=4")
    assert done.exit_code == 0
    done = run("check", tmp_path / "shapes")
    assert done.exit_code == 0 and "train" in done.stdout
    (tmp_path / "shapes" / "images" / "train_00000.png").write_bytes(b"no image")
    done = run("check", tmp_path / "shapes")
    assert done.exit_code == 3 and "train_00000.png" in done.stdout


def test_two_evaluations_are_compared_image_by_image(tmp_path):
    (tmp_path / "r.csv").write_text("image,caption\n" + "".join(f"{n},a dog number {n} runs\n" for n in range(30)))
    for name, text in (("good", "a dog number {} runs"), ("bad", "two cats")):
        lines = "".join(f"{n},{text.format(n)}\n" for n in range(30))
        (tmp_path / f"{name}.csv").write_text("image,caption\n" + lines)
        files = ("--predictions", tmp_path / f"{name}.csv", "--references", tmp_path / "r.csv")
        done = run("evaluate", *files, "--report", tmp_path / name, "--format", "markdown")
        assert done.exit_code == 0 and not (tmp_path / name / "report.html").exists()
    done = run("compare", tmp_path / "good", tmp_path / "bad")
    assert done.exit_code == 0 and "paired bootstrap over 30 images" in done.stdout.lower()
    line = next(line for line in done.stdout.splitlines() if "BLEU-4" in line and "+" not in line and "lower" in line)
    assert "-100.0" in line and any(f"{p:.3f}" in line for p in (0.003, 0.004))
    shutil.copytree(tmp_path / "good", tmp_path / "again")
    done = run("compare", tmp_path / "good", tmp_path / "again")
    assert not {"higher", "lower"} & {line.split()[-1] for line in done.stdout.splitlines() if line.strip()}
    assert "not shown" in done.stdout
    assert "again minus good" in done.stdout, "two of the same name are told apart by their folders"


def test_an_evaluation_is_not_compared_with_itself(tmp_path):
    """Wrong if a run and the evaluation in it stand side by side as two."""
    (tmp_path / "run" / "evaluation-test").mkdir(parents=True)
    (tmp_path / "run" / "evaluation-test" / "metrics.json").write_text("{}")
    for again in (tmp_path / "run" / "evaluation-test", tmp_path / "run", tmp_path / "run" / ".." / "run"):
        done = run("compare", tmp_path / "run", again)
        assert done.exit_code == 1 and "with others, not with itself" in done.stderr


def test_errors_of_the_disk_name_the_file(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied", "somewhere/captions.csv")

    monkeypatch.setattr("pipelines.evaluation.evaluated.read_evaluations", denied)
    done = run("compare", tmp_path)
    assert done.exit_code == 1 and done.stderr.startswith("somewhere/captions.csv cannot be used: you may not read")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The smallest whole captioner, untrained, and the data it could have been trained on."""
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.settings import CaptionerSettings
    from captioner.text.vocabulary import Vocabulary
    from pipelines.data.datasets import shapes
    from pipelines.data.provenance import data_facts

    root = tmp_path_factory.mktemp("model")
    shapes.draw(root / "data", sizes={"train": 8, "test": 12, "novel": 6}, image_size=32)
    dataset = shapes.read(root / "data")
    texts = [text for example in dataset.split("train") for text in example.captions]
    settings = CaptionerSettings.model_validate(
        {
            "encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
            "decoder": {"units": 8, "embedding_size": 8, "attention_size": 8},
            "text": {"minimum_count": 1},
            "search": {"num_beams": 2, "max_words": 6},
        }
    )
    captioner = ImageCaptioner(settings, Vocabulary.from_captions(texts))
    captioner.save_to_preset(root / "run", {"recipe": "tiny", "data_set": data_facts(dataset)})
    return root


def test_a_folder_is_captioned_and_gone_on_with(model, tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (20, 30, 3), np.uint8)
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    output = tmp_path / "c.jsonl"
    command = ("caption", tmp_path / "in", "--model", model / "run", "--output", output, "--batch-size", 2)
    done = run(*command)
    assert done.exit_code == 0, done.output
    whole = output.read_bytes()
    assert "3 images captioned" in done.stderr and len(whole.splitlines()) == 3
    output.write_bytes(whole[:-10])
    assert run(*command).exit_code == 0 and output.read_bytes() == whole
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    done = run(*command)
    assert done.exit_code == 3 and "1 could not be read" in done.stderr and "3 were there already" in done.stderr
    done = run("caption", tmp_path / "in", "--model", model / "run", "--output", output, "--num-beams", 1)
    assert done.exit_code == 1 and "made with another beam size" in done.stderr


def test_a_single_image_prints_its_caption(model, tmp_path):
    image = next((model / "data" / "images").glob("test_*.png"))
    done = run("caption", image, "--model", model / "run", "--attention", tmp_path / "looks")
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1
    assert len(list((tmp_path / "looks").rglob("*.png"))) == 1
    several = run("caption", image, image.with_name("gone.png"), "--model", model / "run", "--candidates", 2)
    assert several.exit_code == 3 and len(several.stdout.splitlines()) == 2 and "gone.png" in several.stderr


def test_a_run_is_evaluated(model, tmp_path):
    done = run("evaluate", model / "run", "--data", model / "data", "--report", tmp_path / "out")
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    for name in (
        "bleu_4",
        "bleu_4_without_penalty",
        "brevity_penalty",
        "cider_d",
        "rouge_l",
        "faithfulness",
        "coverage",
        "novel_captions",
    ):
        assert name in written["scores"]
        assert name in written["intervals"]
    assert written["evaluated"]["beam size"] == 2 and written["evaluated"]["split"] == "test"
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count('<div class="looked">') == 6 and "Faithfulness" in page
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "metrics.json", "predictions.csv", "captions.coco.json", "statistics.npz", "report.html"
    }  # fmt: skip


def test_captions_are_new_only_beside_those_that_were_learned_from(model, tmp_path):
    """Wrong if the share of new captions is counted against data of the same layout that the model never saw."""
    from pipelines.data.datasets import shapes

    shapes.draw(tmp_path / "data", seed=1, sizes={"train": 8, "test": 12, "novel": 6}, image_size=32)
    done = run("evaluate", model / "run", "--data", tmp_path / "data", "--report", tmp_path / "out", "--num-beams", 1)
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert "distinct_captions" in written["scores"] and "novel_captions" not in written["scores"]


def test_unseen_objects_are_told_of_the_novel_split(model):
    done = run("evaluate", model / "run", "--data", model / "data", "--split", "novel", "--num-beams", 1)
    assert done.exit_code == 0, done.output
    written = json.loads((model / "run" / "evaluation-novel" / "metrics.json").read_text())
    assert "novel_object_right" in written["scores"] and written["evaluated"]["beam size"] == 1


def test_an_unknown_split_names_those_that_exist(model):
    done = run("evaluate", model / "run", "--data", model / "data", "--split", "holiday")
    assert done.exit_code == 1 and "train (8), test (12), novel (6)" in done.stderr


def test_the_terminal_stays_clean(model):
    image = next((model / "data" / "images").glob("test_*.png"))
    command = [sys.executable, "-m", "pipelines.cli.app", "caption", str(image), "--model", str(model / "run")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stderr == "", "notices of libraries reach people who asked for a caption"
