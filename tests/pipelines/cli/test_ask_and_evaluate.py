"""The whole way with a real model, the smallest there is: questions from the command line, and an evaluation."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from captioner.metrics.wups import Wups
from captioner.models.vqa.visual_qa import VisualQA
from captioner.settings import VisualQASettings
from captioner.text.answers import AnswerList, answer_key
from captioner.text.vocabulary import Vocabulary
from captioner.text.wordnet import open_wordnet
from pipelines.cli.app import app
from pipelines.data.datasets import shapes
from pipelines.data.examples import QuestionExample
from pipelines.data.question_datasets import read_questions
from pipelines.evaluation.answer_metrics import evaluate_answers
from pipelines.evaluation.submission import has_hidden_answers, write_submission
from tests.support_questions import make_visual7w, make_vqa

SETTINGS = {
    "encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
    "question": {"units": 8, "embedding_size": 4},
    "fusion": {"name": "stacked", "size": 8, "options": {"hops": 2, "attention_size": 4}},
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Drawn scenes, and two untrained models: one that attends, one that sees the image as a whole."""
    root = tmp_path_factory.mktemp("visual_qa")
    shapes.draw(root / "data", sizes={"train": 12, "test": 10}, image_size=32)
    training = read_questions(root / "data").split("train")
    answers = AnswerList.from_answers([example.answers for example in training], size=9)
    whole = {**SETTINGS, "fusion": {"name": "product", "size": 8}}
    for name, settings in (("attends", SETTINGS), ("whole", whole)):
        settings = VisualQASettings.model_validate(settings)
        words = Vocabulary.from_captions([example.question for example in training], settings.text.tokenizer, 1)
        VisualQA(settings, words, answers).save_to_preset(root / name, {"recipe": "tiny"})
    return root


@pytest.fixture(scope="module")
def image(root):
    return root / "data" / "images" / "test_00003.png"


def test_a_question_prints_answers_with_probabilities(root, image):
    done = run("ask", image, "what colour is the circle?", "--model", root / "attends", "--top", 3)
    assert done.exit_code == 0, done.output
    found = [line.split()[-1] for line in done.stdout.splitlines() if line.strip() and line.split()[-1][0] == "0"]
    shares = list(map(float, found))
    assert len(shares) == 3 and shares == sorted(shares, reverse=True) and sum(shares) <= 1


def test_choices_are_all_there_is_to_say(root, image):
    done = run("ask", image, "what is it?", "is it red?", "--model", root / "attends", "--choices", "yes",
               "--choices", "no")  # fmt: skip
    assert done.exit_code == 0 and done.stdout.count(" yes ") == done.stdout.count(" no ") == 2
    assert not done.stderr, "both are known"
    assert "what is it?" in done.stdout, "several answers without their questions"


def test_unknown_words_are_answered_with_a_warning(root, image):
    done = run("ask", image, "quux frobnicates", "--model", root / "attends")
    assert done.exit_code == 0 and "knows none of the words" in done.stderr and "probability" in done.stdout


def test_choices_that_the_model_does_not_know_are_reported(root, image):
    """0.5000 each for sunny and rainy, from a model that knows neither, looked like an answer."""
    ask = ("ask", image, "is it red?", "--model", root / "attends", "--choices", "sunny", "--choices")
    done = run(*ask, "rainy")
    assert done.exit_code == 3 and "0.5" not in done.stdout
    assert "the model knows none of the choices, so nothing speaks for one of them" in " ".join(done.stderr.split())
    done = run(*ask, "yes")
    assert done.exit_code == 0 and "never learned these choices as answers" in done.stderr and "'sunny'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("is it red?", "--choices", "red"), "at least 2 choices"),
        (("is it red?", "--choices", "red", "--choices", "Red."), "the choices repeat 'Red.'"),
        (("is it red?", "--choices", "hot dog", "--choices", "hot_dog"), "the choices repeat 'hot_dog'"),
        ((" ? ",), "the question is empty"),
        ((), "IMAGE and a QUESTION"),
        (("is it?", "--questions", "q.csv"), "either"),
        (("is it?", "--output", "a.csv"), "goes with --questions"),
    ],
)
def test_wrong_usage_is_a_sentence_and_ends_with_2(root, image, arguments, sentence):
    done = run("ask", image, *arguments, "--model", root / "attends")
    assert done.exit_code == 2 and sentence in " ".join(done.output.split()) and "Traceback" not in done.output


def test_an_unreadable_image_is_a_sentence_and_ends_with_3(root, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    done = run("ask", tmp_path / "broken.png", "is it red?", "--model", root / "attends")
    assert done.exit_code == 3 and "broken.png: " in done.stderr and "empty" in done.stderr


def test_a_model_of_another_kind_is_a_sentence(root, image, tmp_path):
    """A captioning model that is asked, and one that answers given to `caption`."""
    done = run("caption", image, "--model", root / "attends")
    assert done.exit_code == 1 and "captioner ask" in done.stderr and len(done.stderr.splitlines()) == 1
    shutil.copytree(root / "attends", tmp_path / "captions")
    config = tmp_path / "captions" / "config.json"
    from captioner.presets import folder

    config.write_text(json.dumps({"format": folder.FORMAT, "kind": "captioner"}))
    facts = json.loads((tmp_path / "captions" / "metadata.json").read_text())
    facts["checksums"].pop("metadata.json")
    facts["checksums"]["config.json"] = folder.checksum(config)
    (tmp_path / "captions" / "metadata.json").write_text(json.dumps(facts))
    done = run("ask", image, "is it red?", "--model", tmp_path / "captions")
    assert done.exit_code == 1 and "captioner caption" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_file_of_questions_is_answered_and_gone_on_with(root, tmp_path):
    rows = [json.loads(line) for line in (root / "data" / "questions.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["split"] == "test"][:30]
    rows = [{**row, "image": str(root / "data" / row["image"])} for row in rows]
    table, output = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("ask", "--questions", table, "--model", root / "attends", "--output", output, "--batch-size", 2)
    assert run(*command).exit_code == 0
    whole = output.read_bytes()
    assert len(whole.splitlines()) == 30
    output.write_bytes(whole[: len(whole) // 2])
    done = run(*command)
    assert done.exit_code == 0 and output.read_bytes() == whole and "were there already" in done.stderr
    with open(table, "a") as file:
        file.write('{"image": "gone.png", "question": "is it red?"}\n')
    done = run(*command)
    assert done.exit_code == 3 and "1 could not be asked" in done.stderr and "30 were there already" in done.stderr
    done = run(*command, "--top", 1)
    assert done.exit_code == 1 and "made with another number of answers" in done.stderr


@pytest.mark.parametrize(("model", "maps"), [("attends", 2), ("whole", 1)])
def test_pictures_of_where_it_looked_or_what_an_answer_hangs_on(root, image, tmp_path, model, maps):
    from PIL import Image

    done = run("ask", image, "what colour is it?", "--model", root / model, "--attention", tmp_path / "looks")
    assert done.exit_code == 0, done.output
    (picture,) = (path for path in (tmp_path / "looks").rglob("*.png") if path.is_file())
    with Image.open(picture) as drawn:
        assert drawn.width == (1 + maps) * (224 + 12) + 12


def test_a_run_is_evaluated(root, tmp_path):
    output = ("--report", tmp_path / "out", "--format", "both")
    done = run("evaluate", root / "attends", "--data", root / "data", *output)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "metrics.json", "predictions.csv", "statistics.npz", "report.html", "report.md"
    }  # fmt: skip
    assert "| Exact match | " in (tmp_path / "out" / "report.md").read_text("utf-8")
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    examples = read_questions(root / "data").split("test")
    with open(tmp_path / "out" / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [example.id for example in examples]
    # What is written is what the answers in the table earn, scored again by themselves.
    again = evaluate_answers(examples, {row["id"]: row["prediction"] for row in rows}, None)
    assert written["scores"] == pytest.approx(again.summary["scores"])
    assert set(written["by_question_type"]) == {"existence", "attribute", "counting", "relation"}
    assert 0 < written["ceiling"]["exact_match"] < 1, "nine answers cannot reach all"
    guessed = written["baselines"]
    assert guessed["the most frequent answer to the type of question"]["exact_match"] > 0
    assert written["evaluated"]["answers"] == "one of 9" and written["evaluated"]["split"] == "test"
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count('<div class="looked">') == 6 and "hop 2" in page
    for told in ("Exact match", "By type of question", "What guessing earns"):
        assert told in done.stdout


def test_a_model_is_calibrated(root, image, tmp_path):
    """Wrong if the temperature is not stored, changes answers, or makes the probabilities foretell less."""
    shutil.copytree(root / "attends", tmp_path / "model")
    done = run("calibrate", tmp_path / "model", "--data", root / "data", "--split", "test")
    assert done.exit_code == 0, done.output
    (told,) = [line for line in done.output.splitlines() if "calibration error" in line]
    temperature = VisualQA.from_preset(tmp_path / "model").settings.temperature
    assert f"Temperature {temperature:g}:" in told and temperature != 1
    asked = [run("ask", image, "what is it?", "--model", folder) for folder in (tmp_path / "model", root / "attends")]
    words = [[line.split()[0] for line in done.stdout.splitlines() if line.strip()] for done in asked]
    assert words[0] == words[1] and asked[0].stdout != asked[1].stdout


def test_two_evaluations_are_compared_question_by_question(root, tmp_path):
    for name in ("attends", "whole"):
        assert run("evaluate", root / name, "--data", root / "data", "--report", tmp_path / name).exit_code == 0
    assert "grey patch" in (tmp_path / "whole" / "report.html").read_text("utf-8")
    done = run("compare", tmp_path / "attends", tmp_path / "whole")
    assert done.exit_code == 0 and "Exact match" in done.stdout and "Paired bootstrap" in done.stdout


def test_multiple_choice_is_answered_with_one_of_the_choices(root, tmp_path):
    make_visual7w(tmp_path / "data")
    done = run("evaluate", root / "attends", "--data", tmp_path / "data", "--report", tmp_path / "out")
    assert done.exit_code == 0, done.output
    with open(tmp_path / "out" / "predictions.csv", encoding="utf-8", newline="") as file:
        given = {row["id"]: row["prediction"] for row in csv.DictReader(file)}
    for example in read_questions(tmp_path / "data").split("test"):
        assert answer_key(given[example.id]) in set(map(answer_key, example.choices))
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["evaluated"]["answers"] == "multiple choice" and set(written["by_question_type"]) == {"what", "why"}
    assert any("2 of 2 questions have no choice that the model knows" in note for note in written["notes"])


def test_withheld_answers_are_written_to_be_sent_in(root, tmp_path):
    """Wrong if all questions of VQA's test split are answered, which takes hours, and the answers are thrown away."""
    make_vqa(tmp_path / "data")
    command = ("evaluate", root / "attends", "--data", tmp_path / "data", "--report", tmp_path / "out")
    done = run(*command)
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.json"], "there is nothing to score"
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [list(row) for row in rows] == [["question_id", "answer"]] * 3
    assert [row["question_id"] for row in rows] == [10, 11, 12]
    known = set(map(answer_key, VisualQA.from_preset(root / "attends").answers.answers))
    assert all(answer_key(row["answer"]) in known for row in rows)
    said = " ".join(done.output.split())
    assert "so nothing is scored; the 3 answers to send in are in" in said and "score (x 100)" not in said
    next((tmp_path / "data" / "test2015").iterdir()).write_bytes(b"broken")
    done = run(*command, "--cache", tmp_path / "cache")
    assert done.exit_code == 3 and "3 of them empty" in " ".join(done.output.split())
    assert [row["answer"] for row in json.loads((tmp_path / "out" / "results.json").read_text())] == ["", "", ""]


def test_some_known_answers_are_enough_to_score():
    """Wrong if a split in which one question lacks its answer is not scored at all."""
    asked = [QuestionExample(f"a.jpg#{n}", Path("a.jpg"), "is it?", answers, "test") for n, answers in
             enumerate([(), ("yes",), ()])]  # fmt: skip
    assert not has_hidden_answers(asked) and has_hidden_answers(asked[:1])


def test_questions_are_named_as_their_data_set_names_them(tmp_path):
    """Numbers as numbers, zeros before them kept, as the server knows them; our own names where there are none."""

    def ids(*own):
        asked = [QuestionExample(f"a.jpg#{n}", Path("a.jpg"), "is it?", (), "test", source_id=name)
                 for n, name in enumerate(own)]  # fmt: skip
        return [row["question_id"] for row in json.loads(write_submission(asked, {}, tmp_path).read_text())]

    assert ids(7, 0) == [7, 0] and ids("02930152", "12") == ["02930152", "12"] and ids("", "") == ["a.jpg#0", "a.jpg#1"]


def test_unreadable_images_are_left_out_and_told(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    (tmp_path / "data" / "images" / "test_00003.png").write_bytes(b"broken")
    done = run("evaluate", root / "attends", "--data", tmp_path / "data", "--report", tmp_path / "out")
    assert done.exit_code == 3, done.output
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["evaluated"]["images left out"] == 1 and written["left_out"] > 0


@pytest.mark.parametrize(("option", "value"), [("--num-beams", 2), ("--min-words", 2), ("--scorer", "coco")])
def test_an_option_of_captions_is_refused(root, option, value):
    done = run("evaluate", root / "attends", "--data", root / "data", option, value)
    assert done.exit_code == 1 and f"{option} means nothing to" in done.stderr


@pytest.mark.skipif(open_wordnet() is None, reason="WordNet is not installed")
def test_five_thousand_questions_ask_wordnet_for_few_pairs(monkeypatch):
    """Wrong if similarities are computed again for each question: 5,000 then take minutes."""
    metric, asked = Wups(), []
    real = metric._similarity._wup
    monkeypatch.setattr(metric._similarity, "_wup", lambda *pair: asked.append(pair) or real(*pair))
    answers = ["chair", "table", "lamp", "sofa", "picture", "window, lamp"]
    drawn = np.random.default_rng(0).integers(0, len(answers), (5000, 2))
    metric.rows([answers[n] for n, _ in drawn], [(answers[n],) for _, n in drawn])
    assert len(asked) == len(set(asked)), "a pair of senses was compared twice"
