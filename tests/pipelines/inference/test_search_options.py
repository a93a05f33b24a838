"""What a command is asked of its search: from the command line to the captions, the journal and the report."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.settings import (
    CaptionerSettings,
    DecoderSettings,
    EncoderSettings,
    GenerationConfig,
    SearchSettings,
    TextSettings,
)
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.cli.caption import caption_with_model
from pipelines.cli.search_options import GENERATION, SEARCH
from pipelines.data.datasets import shapes
from pipelines.inference.jobs import captioning
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.models import captioner_source
from pipelines.tasks.captioning.evaluate import ModelOptions, evaluate_run
from pipelines.utils.progress import Reporter
from tests.support_jobs import caption_images
from tests.support_language import tiny_model

WORDS = ["a", "red", "blue", "circle"]


pytestmark = pytest.mark.usefixtures("eager")


def made(folder, seed=0, words=WORDS):
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(name="inject", units=4, embedding_size=3),
        text=TextSettings(max_length=6),
        search=SearchSettings(num_beams=2, max_words=4),
    )
    captioner = ImageCaptioner(settings, Vocabulary(words))
    for number, variable in enumerate(captioner.network.trainable_variables):
        variable.assign(np.random.default_rng([seed, number]).normal(0, 1, variable.shape))
    captioner.save_to_preset(folder)
    return captioner


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two models, one with other words, a language model, pictures and data."""
    root = tmp_path_factory.mktemp("search")
    for seed, (name, words) in enumerate({"a": WORDS, "b": WORDS, "other": [*WORDS, "dog"]}.items()):
        made(root / name, seed, words)
    tiny_model(WORDS, tokenizer="ptb", cell="lstm", layers=1).save_to_preset(root / "language")
    shapes.draw(root / "data", sizes={"train": 2, "dev": 2}, image_size=32)
    (root / "in").mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(root / "in" / f"{number}.png")
    return root


def caption_with_models(paths, models, output, options, encoder_weights=None):
    return caption_with_model(paths, captioner_source(models, options.generation, encoder_weights), output, options)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_field_has_an_option_and_is_a_setting():
    """A setting without an option cannot be asked for; an option that is no setting would be refused."""
    assert set(SEARCH.options) == set(SearchSettings.model_fields)
    names = {"do_sample" if name == "sample" else name for name in GENERATION.options}
    assert names == set(GenerationConfig.model_fields)


def test_an_option_that_is_not_given_is_as_the_model_has_it():
    """Wrong if the command line stated its own three beams where a preset has ten."""
    assert not SEARCH.build(**dict.fromkeys(SEARCH.options)).model_fields_set
    chosen = SEARCH.build(**dict.fromkeys(SEARCH.options) | {"diversity_penalty": 0.0, "bad_words": ["red", "red"]})
    assert chosen.model_dump(exclude_unset=True) == {"diversity_penalty": 0.0, "bad_words": ("red",)}


@pytest.mark.parametrize(
    "options",
    [
        ("--temperature", "2"),
        ("--seed", "1"),
        ("--sample", "--num-beam-groups", "2"),
        ("--sample", "--force-words", "a"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(place, options):
    done = CliRunner().invoke(app, ["caption", str(place / "in"), "--model", str(place / "a"), *options])
    assert done.exit_code == 2 and "--" in done.output


def test_two_presets_caption_a_folder_with_all_that_can_be_asked(place, tmp_path):
    """And a file that was begun with other options, or by one of the two alone, is not gone on with."""
    output = tmp_path / "c.jsonl"
    arguments = ["caption", place / "in", "--model", place / "a", "--model", place / "b", "--output", output,
                 "--language-model", place / "language", "--num-beams", 4, "--num-beam-groups", 2,
                 "--diversity-penalty", 3, "--candidates", 4, "--force-words", "Circle", "--bad-words", "a red",
                 "--no-repeat-ngram-size", 1, "--min-words", 2, "--batch-size", 4]  # fmt: skip
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    captions = [[each["caption"] for each in line["candidates"]] for line in lines(output)]
    assert all(len(set(found)) == len(found) for found in captions), "the same caption twice, which groups may find"
    captions = [text.split() for found in captions for text in found]
    assert len(captions) > 12 and len(set(map(tuple, captions))) > 5
    for words in captions:
        assert "circle" in words and "a red" not in " ".join(words) and len(set(words)) == len(words) >= 2
    done = CliRunner().invoke(app, [*map(str, arguments), "--bad-words", "blue"])
    assert done.exit_code == 1 and "another list of words that must not occur" in done.output
    alone = arguments[:4] + arguments[6:]
    done = CliRunner().invoke(app, list(map(str, alone)))
    assert done.exit_code == 1 and "another model" in done.output


def test_candidates_show_what_they_are_ranked_by(place, tmp_path):
    """Wrong if a list is in one order and shows the numbers of another; with a penalty of 1 the two are the same."""
    search = ("--num-beams", "4", "--candidates", "4", "--model", place / "a")
    command = ["caption", place / "in", *search, "--length-penalty", "0"]
    assert CliRunner().invoke(app, list(map(str, [*command, "-o", tmp_path / "c.jsonl"]))).exit_code == 0
    ordered = []
    for line in lines(tmp_path / "c.jsonl"):
        ranks = [each["rank_score"] for each in line["candidates"]]
        assert ranks == sorted(ranks, reverse=True)
        for each in line["candidates"]:
            steps = len(each["caption"].split()) + 1
            assert each["rank_score"] == pytest.approx(each["score"] * steps, abs=1e-3 * steps)
        scores = [each["score"] for each in line["candidates"]]
        ordered.append(scores == sorted(scores, reverse=True))
    assert not all(ordered), "no list shows the difference"
    printed = CliRunner().invoke(app, list(map(str, [*command[:1], place / "in" / "0.png", *command[2:]]))).stdout
    first = lines(tmp_path / "c.jsonl")[0]["candidates"]
    assert [float(line.split()[0]) for line in printed.splitlines()] == pytest.approx(
        [each["rank_score"] for each in first], abs=0.0051
    )
    usual = CliRunner().invoke(app, list(map(str, ["caption", place / "in", *search, "-o", tmp_path / "usual.jsonl"])))
    assert usual.exit_code == 0 and "rank_score" not in (tmp_path / "usual.jsonl").read_text()


def test_fewer_candidates_than_requested_are_reported(place, tmp_path):
    """Two words are left, so there are two captions of a word. Wrong if the rest is missing without a word."""
    search = ("--num-beams", "4", "--candidates", "3", "--max-words", "1", "--bad-words", "red", "--bad-words", "a")
    for more in ((), ("-o", tmp_path / "c.jsonl")):
        done = CliRunner().invoke(
            app, list(map(str, ["caption", place / "in", "--model", place / "a", *search, *more]))
        )
        assert done.exit_code == 0 and "6 images have fewer than the 3 candidates that were requested" in done.stderr
    assert [len(line["candidates"]) for line in lines(tmp_path / "c.jsonl")] == [2] * 6


@pytest.mark.parametrize("models", [["a"], ["a", "b"]], ids=["alone", "ensemble"])
@pytest.mark.parametrize(
    "options", [{}, {"num_beam_groups": 2, "diversity_penalty": 3.0}], ids=["beams", "num_beam_groups"]
)
def test_the_tree_shows_the_probabilities_that_the_search_counted(place, tmp_path, monkeypatch, models, options):
    """Diversity only chooses: a tree with its penalty in it, or of one model of two, would show other numbers."""
    shown = {}
    written = captioning.write_tree

    def watch(path, name, file, pixels, captions, log_probabilities, **more):
        shown[name] = (captions, log_probabilities)
        written(path, name, file, pixels, captions, log_probabilities, **more)

    monkeypatch.setattr(captioning, "write_tree", watch)
    generation = GenerationConfig(num_beams=4, candidates=4, **options)
    asked = CaptionOptions(generation, tree=tmp_path / "trees", batch_size=4)
    models = [place / model for model in models]
    caption_with_models([place / "in"], models, tmp_path / "c.jsonl", asked, None)
    assert len(shown) == 6
    for line in lines(tmp_path / "c.jsonl"):
        captions, log_probabilities = shown[line["image"]]
        assert list(dict.fromkeys(each.text for each in captions)) == [each["caption"] for each in line["candidates"]]
        for caption, values in zip(captions, log_probabilities, strict=True):
            assert np.mean(values) == pytest.approx(caption.score, abs=1e-4)
        assert captions[0].text in (tmp_path / "trees" / (line["image"] + ".html")).read_text()


def test_a_model_marks_what_it_is_unsure_of_by_itself(place, tmp_path):
    """Wrong if a threshold that was chosen for a model has to be typed again, or cannot be moved."""
    captioner = ImageCaptioner.from_preset(place / "a")
    plain = tmp_path / "plain.jsonl"
    caption_with_models([place / "in"], [place / "a"], plain, CaptionOptions())
    scores = {line["image"]: line["score"] for line in lines(plain)}
    assert not any("unsure" in line for line in lines(plain))
    middle = sorted(scores.values())[len(scores) // 2]
    captioner.settings = captioner.settings.model_copy(update={"min_score": middle})
    captioner.save_to_preset(tmp_path / "own")
    for name, models, options, expected in (
        ("own", ["own"], {}, middle),
        ("asked", ["own"], {"min_score": -1e9}, -1e9),
        ("together", ["own", "own"], {}, -1e9),  # whose scores are others
    ):
        output = tmp_path / f"{name}.jsonl"
        caption_with_models([place / "in"], [tmp_path / model for model in models], output, CaptionOptions(**options))
        unsure = {line["image"] for line in lines(output) if line.get("unsure")}
        assert unsure == {image for image, score in scores.items() if score < expected}, name


def test_what_cannot_be_is_said_before_anything_is_written(place, tmp_path):
    for models, options, said in (
        (["a", "other"], {}, "have different words"),
        (["a"], {"force_words": ("rde",)}, "Did you mean `red`"),
        (["a"], {"num_beam_groups": 2, "num_beams": 3}, "shared out to 2 groups"),
        (["a"], {"candidates": 3}, "2 beams give 1 to 2 candidates; received 3"),
    ):
        with pytest.raises(UserError, match=said):
            models = [place / model for model in models]
            asked = CaptionOptions(GenerationConfig(**options))
            caption_with_models([place / "in"], models, tmp_path / "c.jsonl", asked, None)
    assert not list(tmp_path.iterdir())


def test_drawn_captions_are_the_same_after_a_stop_and_in_other_batches(place, tmp_path):
    """A folder that was gone on with must not be another one than a folder that was never stopped."""
    captioner = ImageCaptioner.from_preset(place / "a")

    def draw(name, batch_size, seed=5):
        generation = GenerationConfig(do_sample=True, temperature=2.0, seed=seed, candidates=2)
        options = CaptionOptions(generation, batch_size=batch_size)
        caption_images([place / "in"], captioner, tmp_path / name, options=options)
        return tmp_path / name

    whole, stopped = draw("whole.jsonl", 4), draw("stopped.jsonl", 4)
    stopped.write_bytes(b"".join(stopped.read_bytes().splitlines(keepends=True)[:3]))
    assert draw("stopped.jsonl", 4).read_bytes() == whole.read_bytes()
    drawn = [[each["caption"] for each in line["candidates"]] for line in lines(whole)]
    assert [[each["caption"] for each in line["candidates"]] for line in lines(draw("b.jsonl", 1))] == drawn
    assert [[each["caption"] for each in line["candidates"]] for line in lines(draw("c.jsonl", 4, 6))] != drawn
    with pytest.raises(UserError, match="another way of drawing words"):
        draw("whole.jsonl", 4, seed=6)


def test_an_evaluation_searches_as_it_is_asked_and_says_so(place):
    quiet = {"data": place / "data", "split": "dev", "reporter": Reporter(quiet=True)}
    alone = evaluate_run(place / "a", **quiet)
    found = evaluate_run(
        place / "a", model=ModelOptions((place / "b",), (place / "language", 0.5)),
        generation=GenerationConfig(num_beams=4, num_beam_groups=2, force_words=("blue",), min_words=3), **quiet,
    )  # fmt: skip
    assert all("blue" in one.caption and len(one.caption.split()) >= 3 for one in found.predictions)
    assert [one.caption for one in alone.predictions] != [one.caption for one in found.predictions]
    said = {
        "model": "a and b", "beam size": 4, "groups": 2, "strength of diversity": 0.5, "words that must occur":
        "blue", "smallest number of words": 3, "language model": "language, weight 0.5",
    }  # fmt: skip
    assert said.items() <= found.evaluated.items() and not said.keys() & alone.evaluated.keys() - {"model", "beam size"}
    assert (place / "a" / "evaluation-dev").is_dir() and (place / "a" / "evaluation-dev-ensemble").is_dir()
