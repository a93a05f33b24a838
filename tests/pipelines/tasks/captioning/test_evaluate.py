"""Evaluation: scores of freely decoded captions, intervals, and files that other tools can read."""

import csv
import json
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics.base import Metric, Score
from captioner.metrics.score import score_captions
from pipelines.evaluation.bootstrap import intervals
from pipelines.evaluation.caption_files import read_predictions, read_references
from pipelines.evaluation.caption_metrics import compute_metrics
from pipelines.evaluation.coco_scorer import coco_scores
from pipelines.evaluation.compare import compare_all, comparison, disagreements, grouped
from pipelines.evaluation.evaluated import read_evaluations
from pipelines.evaluation.matching import match
from pipelines.evaluation.reports.comparison import short_names
from pipelines.evaluation.results import Prediction, coco_result, rank
from pipelines.tasks.captioning.evaluate import ReportOptions, evaluate_predictions
from pipelines.utils.progress import Reporter

REFERENCES = {f"{n}": [f"a {colour} dog runs", f"the {colour} dog is running fast"] for n, colour in
              enumerate(["red", "blue", "green", "brown", "white", "black"])}  # fmt: skip
PREDICTIONS = {
    "0": "a red dog runs",
    "1": "a blue cat",
    "2": "the green dog is running",
    "3": "a dog",
    "4": "dog",
    "5": "",
}
QUIET = Reporter(quiet=True)


def evaluate(predictions, references, folder=None, format="html", scorer="own"):
    report = ReportOptions(folder, format, scorer)
    return evaluate_predictions(predictions, references, report=report, reporter=QUIET)


@pytest.fixture(autouse=True)
def small_wordnet(tmp_path_factory, monkeypatch):
    """The same WordNet wherever the tests run: a small one."""
    from captioner.text.wordnet import open_wordnet
    from tests.support_wordnet import write_wordnet

    monkeypatch.setenv("WNSEARCHDIR", str(write_wordnet(tmp_path_factory.getbasetemp() / "wordnet")))
    open_wordnet.cache_clear()
    yield
    open_wordnet.cache_clear()


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def references(tmp_path):
    rows = [
        {"image_id": int(i), "caption": text, "id": n}
        for n, (i, texts) in enumerate(REFERENCES.items())
        for text in texts
    ]
    images = [{"id": int(image), "file_name": f"{image}.jpg"} for image in REFERENCES]
    return write(tmp_path / "references.json", {"images": images, "annotations": rows})


def test_scores_are_those_of_the_metrics_room(tmp_path, references):
    rows = [{"image_id": int(image), "caption": text} for image, text in PREDICTIONS.items()]
    found = evaluate(write(tmp_path / "p.json", rows), references, tmp_path / "out")
    expected = score_captions(PREDICTIONS, REFERENCES, metrics="all").scores
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["scores"] == pytest.approx(expected) and found.scores == pytest.approx(expected)
    assert written["scores"]["bleu_4_without_penalty"] > written["scores"]["bleu_4"] > 0
    assert {"meteor", "cider", "self_bleu_4"} <= set(written["scores"])


def test_every_report_states_how_its_scores_were_come_by(tmp_path, references):
    """Numbers without these compare with nothing."""
    path = write(tmp_path / "p.json", [{"image_id": image, "caption": "a red dog"} for image in range(6)])
    found = evaluate(path, references, tmp_path / "out", "both")
    said = {
        "tokenizer": "ptb", "references an image": "2", "split": "not stated: the captions came as a file",
        "beam size": "not stated: the captions came as a file",
        "brevity penalty": round(found.scores["brevity_penalty"], 4),
        "intervals": "95 %, bootstrap over images, 1,000 draws", "images": 6,
    }  # fmt: skip
    assert {name: found.evaluated[name] for name in said} == said
    told = evaluate_predictions(path, references, split="test", num_beams=5, reporter=QUIET)
    assert (told.evaluated["split"], told.evaluated["beam size"]) == ("test", 5)
    for page in ("report.html", "report.md", "metrics.json"):
        text = (tmp_path / "out" / page).read_text("utf-8")
        assert all(name in text.lower() for name in said), page


def test_the_report_is_written_as_asked(tmp_path, references):
    path = write(tmp_path / "p.json", [{"image_id": 0, "caption": "a red dog"}])
    pages = {"html": {"report.html"}, "markdown": {"report.md"}, "both": {"report.html", "report.md"}}
    for kind, expected in pages.items():
        evaluate(path, references, tmp_path / kind, kind)
        assert {page.name for page in (tmp_path / kind).glob("report.*")} == expected


def test_ids_of_captions_leave_as_the_references_have_them(tmp_path):
    """Text in one file and a number in the other is the same image; "007" is not 7, and 0 is an id."""
    images = [{"id": id, "file_name": f"{id}.jpg"} for id in (42, "007", 0)]
    annotations = [{"id": n, "image_id": id, "caption": "a dog"} for n, id in enumerate((42.0, "007", "0"))]
    (tmp_path / "r.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (tmp_path / "p.csv").write_text("image_id,caption\n42,a dog\n007,a cat\n0,a dog\n")
    (tmp_path / "p.json").write_text(json.dumps([{"image_id": id, "caption": "a"} for id in ("42", "007", 0)]))
    for name in ("p.csv", "p.json"):
        evaluate(tmp_path / name, tmp_path / "r.json", tmp_path / "out")
        rows = json.loads((tmp_path / "out" / "captions.coco.json").read_text())
        assert [row["image_id"] for row in rows] == [42, "007", 0]
    with pytest.raises(UserError, match="'7' has a caption but no reference"):
        evaluate(write(tmp_path / "q.json", [{"image_id": 7, "caption": "a"}]), tmp_path / "r.json", None)
    # Neither a csv file nor the keys of an object have types: all whole numbers are numbers.
    for kind, content in (("csv", "image,caption\n42,a dog\n7,a cat\n"), ("json", {"42": ["a dog"], "7": ["a cat"]})):
        path = tmp_path / f"typeless.{kind}"
        path.write_text(content if kind == "csv" else json.dumps(content))
        assert read_references(path).ids == {"42": 42, "7": 7}


def test_values_of_single_captions_stand_in_the_table(tmp_path, references):
    path = write(
        tmp_path / "p.json", [{"image_id": int(image), "caption": text or "x"} for image, text in PREDICTIONS.items()]
    )
    found = evaluate(path, references, tmp_path / "out")
    with open(tmp_path / "out" / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    for one in found.predictions:
        for name in ("words", "bleu_4", "rouge_l", "cider_d", "cider", "meteor"):
            assert float(rows[one.image][name]) == pytest.approx(one.scores[name], abs=1e-6)


def test_the_references_of_one_split_of_a_data_set_can_be_asked_for(tmp_path):
    from pipelines.data.datasets import shapes

    shapes.draw(tmp_path / "data", sizes={"train": 4, "test": 3}, image_size=32)
    everything = read_references(tmp_path / "data").captions
    test = read_references(tmp_path / "data", "test").captions
    assert len(everything) == 7 and len(test) == 3 and set(test) < set(everything)


def test_what_is_written_can_be_scored_again(tmp_path, references):
    """predictions.csv and captions.coco.json lose nothing: scored again they give the same scores."""
    rows = [{"image_id": int(image), "caption": text or "=a"} for image, text in PREDICTIONS.items()]
    rows[4]["caption"] = ""
    first = evaluate(write(tmp_path / "p.json", rows), references, tmp_path / "out")
    for name in ("predictions.csv", "captions.coco.json"):
        again = evaluate(tmp_path / "out" / name, references)
        assert again.scores == pytest.approx(first.scores), name
    assert json.loads((tmp_path / "out" / "captions.coco.json").read_text()) == rows


@pytest.mark.parametrize("kind", ["json", "dict", "jsonl", "csv", "tsv", "parquet"])
def test_predictions_of_all_kinds_mean_the_same(tmp_path, kind):
    """One of the captions is empty: left out in one kind of file and scored in another, it made other scores."""
    rows = [{"image": image, "caption": text} for image, text in PREDICTIONS.items()]
    failed = {"image": "9", "error": "empty file"}
    path = tmp_path / f"p.{'json' if kind == 'dict' else kind}"
    if kind == "dict":
        write(path, {row["image"]: row["caption"] for row in rows})
    elif kind == "json":
        write(path, [*rows, failed])
    elif kind == "jsonl":
        write(path, "".join(json.dumps(row) + "\n" for row in [*rows, failed]))
    elif kind == "parquet":
        pytest.importorskip("pyarrow")
        pytest.importorskip("pandas").DataFrame([*rows[:-1], {"image": "5"}, failed]).to_parquet(path)
    else:
        mark = {"csv": ",", "tsv": "\t"}[kind]
        lines = [mark.join(row.get(name, "") for name in ("image", "caption", "error")) for row in [*rows, failed]]
        write(path, "\n".join([f"image{mark}caption{mark}error", *lines]))
    predictions, skipped = read_predictions(path)
    assert predictions == {row["image"]: row["caption"] for row in rows} and skipped == (kind != "dict")


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_reference_without_words_is_none(tmp_path, kind):
    """An empty caption would be all that such a reference asks for. Data sets leave it out, too."""
    rows = [{"image": "a", "caption": "a dog"}, {"image": "a", "caption": " "}, {"image": "b", "caption": ""}]
    text = "\n".join(["image,caption", *(f"{row['image']},{row['caption']}" for row in rows)])
    path = write(tmp_path / f"r.{kind}", rows if kind == "json" else text)
    assert read_references(path).captions == {"a": ("a dog",)}


def test_images_are_matched_by_id_file_name_or_last_part_of_a_path(references):
    known = read_references(references)
    expected, others = known.captions, known.others
    for name in ("3", "3.jpg", "somewhere/3.jpg"):
        assert match({name: "a dog"}, expected, others) == {"3": "a dog"}
    with pytest.raises(UserError, match=r"'7' has a caption but no reference.*like '0'"):
        match({"7": "a dog"}, expected, others)
    with pytest.raises(UserError, match="Two captions"):
        match({"3": "a dog", "3.jpg": "a cat"}, expected, others)


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("[", "not JSON"),
        ("{}", "no captions"),
        ("[1]", "entry 1: expected an image and a caption"),
        ('[{"image_id": " ", "caption": "a"}]', "entry 1: expected an image and a caption"),
        ('[{"image_id": 1, "caption": null}]', "entry 1: expected an image and a caption"),
        ('[{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}]', "entry 2: the image '1' has several"),
    ],
)
def test_wrong_predictions_are_named(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read_predictions(write(tmp_path / "p.json", content))


def test_images_without_a_caption_are_told_not_hidden(tmp_path, references):
    rows = [{"image_id": 0, "caption": "a dog"}]
    found = evaluate(write(tmp_path / "p.json", rows), references)
    assert found.evaluated["images left out"] == 5 and "5 of 6 images are not scored" in found.notes[0]


def test_intervals_hold_the_score_and_shrink_with_the_square_root_of_images():
    class Mean(Metric):
        scores = (Score("mean", "Mean"),)

    generator = np.random.default_rng(0)
    wide, narrow = (intervals(Mean, generator.normal(0.5, 0.2, (n, 1)))["mean"] for n in (50, 5000))
    assert narrow[0] < 0.5 < narrow[1]
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(10, rel=0.35)
    # The interval of a mean is known: 1.96 standard errors each way.
    assert narrow[1] - narrow[0] == pytest.approx(2 * 1.96 * 0.2 / 5000**0.5, rel=0.15)


def test_every_score_but_diversity_and_lengths_has_an_interval():
    results = compute_metrics(PREDICTIONS, REFERENCES)
    assert set(results.scores) - set(results.intervals) == {
        name for name in results.scores if "distinct" in name or "self_bleu" in name or name.endswith("_words")
    }
    assert all(low <= high for low, high in results.intervals.values())
    again = compute_metrics(PREDICTIONS, REFERENCES).intervals
    assert results.intervals == again, "the same captions gave other intervals"


def test_truth_of_drawn_scenes_is_combined_as_the_corpus_is(tmp_path):
    from pipelines.data.datasets import shapes
    from pipelines.data.synthetic.faithfulness import check_caption
    from pipelines.evaluation.metrics import data_metrics

    shapes.draw(tmp_path, sizes={"test": 12})
    dataset, scenes = shapes.read(tmp_path), shapes.read_scenes(tmp_path)
    captions = {example.id: example.captions[0] for example in dataset.examples}
    names = list(captions)
    captions[names[0]] = captions[names[1]]  # most likely wrong
    checked = [check_caption(text, scenes[image]) for image, text in captions.items()]
    statements = [statement.true for one in checked for statement in one.statements]
    metric, rows = data_metrics(dataset, "test", captions).metrics["truth"]
    scores = metric.combine(rows)
    assert scores["faithfulness"] == pytest.approx(np.mean(statements)) and scores["faithfulness"] < 1
    assert scores["coverage"] == pytest.approx(sum(one.named for one in checked) / sum(one.there for one in checked))
    assert scores["true_captions"] == pytest.approx(np.mean([one.faithfulness == 1 for one in checked]))


def test_ids_leave_as_they_came():
    """A server that gave "007" does not know 7; with 0 taken for none, one image got another's name."""

    def one(image, source):
        return Prediction(image, "a", ("b",), {}, source_id=source)

    for ids in ([7, 0], ["007", "42"], ["x", 42], [7, "7"]):
        assert [row["image_id"] for row in coco_result([one("a.jpg", ids[0]), one("b.jpg", ids[1])])] == ids
    assert [row["image_id"] for row in coco_result([one("a.jpg", 1), one("b.jpg", 1)])] == ["a.jpg", "b.jpg"]
    assert [row["image_id"] for row in coco_result([one("1", ""), one("b.jpg", 2)])] == ["1", 2]


def test_the_best_come_first():
    made = [Prediction(str(value), "", (), {"cider_d": value, "bleu_4": 0.0}) for value in (0.1, 2.0, 1.0)]
    assert [one.image for one in rank(made)] == ["2.0", "1.0", "0.1"]


def test_without_java_the_other_scores_are_written_and_one_sentence_said(tmp_path, references, monkeypatch):
    monkeypatch.setattr("pipelines.evaluation.coco_scorer.shutil.which", lambda _: None)
    rows = [{"image_id": 0, "caption": "a dog"}]
    found = evaluate(write(tmp_path / "p.json", rows), references, scorer="coco")
    assert found.scores["bleu_1"] > 0
    assert any("Java" in note for note in found.notes) or any("not installed" in note for note in found.notes)


def test_without_the_package_too(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pycocoevalcap")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    scores, sentences = coco_scores(PREDICTIONS, REFERENCES)
    assert scores == {} and "pip install 'captioner[coco]'" in sentences[0]


def test_a_scorer_that_dies_is_one_sentence(monkeypatch):
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.meteor import meteor
    from pycocoevalcap.tokenizer import ptbtokenizer

    class Dies:
        def compute_score(self, *_):
            raise BrokenPipeError("Broken pipe")

    class Splits:
        def tokenize(self, captions):
            return {image: [one["caption"].lower() for one in listed] for image, listed in captions.items()}

    monkeypatch.setattr("pipelines.evaluation.coco_scorer.shutil.which", lambda _: "java")
    monkeypatch.setattr(meteor, "Meteor", Dies)
    monkeypatch.setattr(ptbtokenizer, "PTBTokenizer", Splits)
    scores, sentences = coco_scores(PREDICTIONS, REFERENCES)
    assert scores["coco_bleu_1"] == pytest.approx(score_captions(PREDICTIONS, REFERENCES).scores["bleu_1"], abs=1e-6)
    assert "coco_meteor" not in scores and "died (Broken pipe)" in sentences[0] and len(sentences) == 1


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    "java, sentence",
    [
        ("exit 1", "tokenizer died (it wrote less than it was given)"),
        ("cat > /dev/null; exit 1", "tokenizer died (it wrote less than it was given)"),
        # Words as they are; the scorer itself dies, or never answers.
        ('case "$*" in *meteor*) exit 3;; *) for file; do :; done; cat "$file";; esac', "Meteor died ("),
        ('case "$*" in *meteor*) exec sleep 60;; *) for file; do :; done; cat "$file";; esac', "Meteor died ("),
    ],
)
def test_a_java_that_dies_or_hangs_is_one_sentence(tmp_path, monkeypatch, java, sentence):
    """Wrong if an evaluation of hours waits for ever at its end."""
    pytest.importorskip("pycocoevalcap")
    (tmp_path / "java").write_text(f"#!/bin/sh\n{java}\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("pipelines.evaluation.coco_scorer._PATIENCE", (1, 0))
    scores, sentences = coco_scores({"0": "a dog runs on"}, {"0": ["a dog runs on", "the dog"]})
    assert len(sentences) == 1 and sentence in sentences[0] and "The other scores are complete." in sentences[0]
    assert ("coco_bleu_1" in scores) == ("Meteor" in sentence) and "coco_meteor" not in scores


def test_evaluations_are_compared_score_by_score(tmp_path, references):
    for name, text in (("a", "a red dog runs"), ("b", "a dog")):
        rows = [{"image_id": image, "caption": text} for image in range(6)]
        path = write(tmp_path / f"{name}.json", rows)
        evaluate(path, references, tmp_path / name / "evaluation-test")
    evaluations = read_evaluations([tmp_path / "a", tmp_path / "b" / "evaluation-test"])
    head, rows = comparison(evaluations, short_names(evaluations))
    assert head == ["score", "a.json", "b.json"]
    bleu = next(row for row in rows if row[0] == "BLEU-1")
    assert " to " in bleu[1] and bleu[1] != bleu[2]
    assert disagreements(evaluations) == []
    groups, sentences = grouped(evaluations)
    assert [len(group) for group in groups] == [2] and not sentences
    told = {row[0]: row for row in compare_all(evaluations, resamples=1000).pairs[0].rows()}
    # "a dog" is no worse than "a red dog runs" where the dog is not red, but much too short.
    expected = 100 * (evaluations[1].scores["bleu_1"] - evaluations[0].scores["bleu_1"])
    assert told["BLEU-1"][1] == f"{expected:+.1f}" and told["BLEU-4"][4] == "not shown", "six images"
    assert told["BLEU-1"][3:] == ["", ""], "one score a metric is tested"
    (tmp_path / "a" / "evaluation-test" / "statistics.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"statistics\.npz is damaged"):
        read_evaluations([tmp_path / "a"])
    other = SimpleNamespace(
        **{**vars(evaluations[0]), "evaluated": {**evaluations[0].evaluated, "split": "dev"}, "images": ()}
    )
    assert disagreements([evaluations[1], other]) == ["split: not stated: the captions came as a file, dev"]
    with pytest.raises(UserError, match="holds no evaluation"):
        read_evaluations([tmp_path])


def test_no_formula_runs_from_predictions(tmp_path, references):
    rows = [{"image_id": 0, "caption": "=cmd|' /C calc'!A0"}]
    evaluate(write(tmp_path / "p.json", rows), references, tmp_path / "out")
    with open(tmp_path / "out" / "predictions.csv", encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["caption"].startswith("'=")
