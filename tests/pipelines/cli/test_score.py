"""`captioner score`, `rank` and `caption --tree` on a model as small as can be, from the command line."""

import json

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.settings import CaptionerSettings
    from captioner.text.vocabulary import Vocabulary
    from pipelines.data.datasets import shapes

    root = tmp_path_factory.mktemp("model")
    shapes.draw(root / "data", sizes={"train": 4, "test": 3}, image_size=32)
    settings = CaptionerSettings.model_validate(
        {
            "encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
            "decoder": {"name": "recurrent_visual", "cell": "rnn", "units": 3, "embedding_size": 3},
            "search": {"num_beams": 3, "max_words": 3},
        }
    )
    ImageCaptioner(settings, Vocabulary(["a", "red", "circle"])).save_to_preset(root / "run")
    return root


def test_a_table_is_scored_and_gone_on_with(model, tmp_path):
    image = next((model / "data" / "images").glob("test_*.png"))
    (tmp_path / "c.csv").write_text(f"image,caption\n{image.name},a red circle\ngone.png,a circle\n{image.name},a,b\n")
    output = tmp_path / "s.jsonl"
    command = ("score", tmp_path / "c.csv", "--images", image.parent, "--model", model / "run", "-o", output, "--words")
    done = run(*command)
    assert done.exit_code == 3, done.output
    assert "c.csv:4: 3 fields" in done.stderr and "c.csv:3: there is no image 'gone.png'" in done.stderr
    first, second = (json.loads(line) for line in output.read_text().splitlines())
    assert first["words"] == 3 and len(first["each_log_probability"]) == 4 and "error" in second
    whole = output.read_bytes()
    assert run(*command).exit_code == 3 and output.read_bytes() == whole
    done = run("score", image, "a red circle", "a zebra", "--model", model / "run")
    assert done.exit_code == 0 and "zebra" in done.stdout and "1 of 5 words are not known" in done.stdout
    assert f"{first['log_probability']:.2f}" in done.stdout
    assert run("score", image, "a", "--model", model / "run", "--split", "dev").exit_code == 2


def test_a_split_is_ranked_both_ways_and_both_ways_of_ranking(model, tmp_path):
    output = tmp_path / "rank.json"
    done = run("rank", model / "run", "--data", model / "data", "--by", "both", "--images", 2, "-o", output)
    assert done.exit_code == 0, done.output
    assert "2 of 3 images, evenly spaced, and the first caption of each" in done.stdout
    written = json.loads(output.read_text())
    assert written["found"]["the image of a caption"].keys() == {"chance", "log p", "reconstruction"}
    assert written["found"]["the caption of an image"]["chance"]["recall_1"] == pytest.approx(0.5)
    assert run("rank", model / "run", "--by", "guess").exit_code == 2


def test_the_candidates_become_a_page(model, tmp_path):
    image = next((model / "data" / "images").glob("test_*.png"))
    done = run("caption", image, "--model", model / "run", "--candidates", 3, "--tree", tmp_path / "tree.html")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "tree.html").read_text("utf-8")
    assert all(f"<b>{rank}</b>" in page for rank in (1, 2, 3)) and "3 captions that the model" in page
    done = run("caption", image.parent, "--model", model / "run", "--candidates", 2, "--tree", tmp_path / "t.html")
    assert done.exit_code == 1 and "Give a folder" in done.stderr
    assert run("caption", image, "--model", model / "run", "--tree", tmp_path / "trees").exit_code == 2


def test_installed_models_are_listed():
    done = run("list", "models")
    assert done.exit_code == 0 and "flickr8k" in done.stdout and "MODEL_CARD.md" in done.stdout.replace("\n", "")
