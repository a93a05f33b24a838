"""The files of a comparison: a row a system, all pairs, and the images on which two systems differ most."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from captioner.errors import UserError
from pipelines.cli.app import app
from pipelines.evaluation.evaluated import Evaluated, Item, ReferenceOptions, read_evaluations, read_items
from pipelines.evaluation.reports.comparison import compare_evaluations, compare_groups
from pipelines.evaluation.reports.comparison_page import (
    check_comparison_folder,
    differing_images,
    find_images,
    write_comparison,
)

IMAGES = tuple(f"images/{n}.png" for n in range(30))


def system(name, values, images=IMAGES, digest=0, folder="", **facts):
    """A system with a ROUGE-L an image."""
    rows = np.array(values, float).reshape(-1, 1)
    return Evaluated(
        f"{name} on data",
        {"rouge_l": float(rows.mean())},
        {"rouge_l": [float(rows.min()), float(rows.max())]},
        {"model": name, **facts},
        tuple(images),
        np.arange(len(images), dtype=np.uint64) + np.uint64(digest),
        {"rouge_l": rows},
        folder=folder,
        items={image: Item(f"{name} says {image}", ("a <b>reference</b>",), names=(image,)) for image in images},
    )


GOOD = np.linspace(0.5, 0.9, 30)
NEARLY = GOOD + np.where(np.arange(30) % 2, 0.011, -0.01)
BAD = GOOD - np.linspace(0.1, 0.4, 30)


def blocks(systems):
    groups, sentences = compare_groups(systems, 200)
    return list(compare_evaluations(groups, sentences))


def test_every_pair_is_tested_and_the_family_is_named():
    """Compared with the first alone, whether the second and the third differ would stay unknown."""
    shown = blocks([system("good", GOOD), system("nearly", NEARLY), system("bad", BAD)])
    titles = [block.text for block in shown if " minus " in block.text]
    assert titles == ["nearly minus good", "bad minus good", "bad minus nearly"]
    family = next(block.text for block in shown if "Holm" in block.text)
    assert "(ROUGE-L) for each of 3 pairs of systems: 3 tests" in family
    verdicts = [block.rows[0][-1] for block in shown if list(block.head)[-1:] == ["it is"]]
    assert verdicts == ["not shown", "lower", "lower"]


def test_many_pairs_are_one_table_and_very_many_those_of_the_first():
    shown = blocks([system(f"s{n}", GOOD - n / 100) for n in range(4)])
    (table,) = [block for block in shown if list(block.head)[:1] == ["difference (p)"]]
    assert [row[0] for row in table.rows][-2:] == ["s3 minus s1", "s3 minus s2"] and len(table.rows) == 6
    shown = blocks([system(f"s{n}", GOOD - n / 100) for n in range(6)])
    (table,) = [block for block in shown if list(block.head)[:1] == ["difference (p)"]]
    assert len(table.rows) == 5 and any("Of 15 pairs here are the 5 of s0" in block.text for block in shown)


def test_what_cannot_be_compared_is_a_sentence_and_the_rest_is_compared():
    others = system("elsewhere", GOOD, images=[f"other/{n}.png" for n in range(30)])
    rewritten = system("rewritten", GOOD, digest=100)
    shown = blocks([system("good", GOOD), others, system("bad", BAD), rewritten])
    warnings = " ".join(block.text for block in shown if block.warning)
    assert "good on data and elsewhere on data have none of their images in common" in warnings
    assert "good on data and rewritten on data were scored against other references" in warnings
    assert [block.text for block in shown if " minus " in block.text] == ["bad minus good"]


def test_images_that_differ_most_are_found_for_each_pair():
    groups, _ = compare_groups([system("good", GOOD), system("nearly", NEARLY), system("bad", BAD)], 50)
    differing = differing_images(groups[0], most=2)
    (score,) = differing.scores
    better, worse = differing.of_pair(0, 2, score, 2)
    assert better == [] and [differing.images[n] for n in worse] == ["images/29.png", "images/28.png"]
    better, worse = differing.of_pair(0, 1, score, 30)
    assert better and worse, "of those that differ little each is better somewhere"
    assert len(differing.images) < 8, "images on which nobody differs much are not kept"
    assert differing.items["images/29.png"][2].text == "bad says images/29.png"


@pytest.fixture
def compared(tmp_path):
    (tmp_path / "data" / "images").mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "data" / "images" / "29.png")
    facts = {"data folder": str(tmp_path / "data"), "split": "test"}
    systems = [
        system("good", GOOD, **facts),
        system("<script>x</script>", NEARLY, **facts),
        system("bad", BAD, **facts),
    ]
    return compare_groups(systems, 200)


def test_the_page_has_a_row_a_system_and_the_pictures_that_are_found(compared, tmp_path):
    groups, sentences = compared
    page = write_comparison(groups, [*sentences, "a <i>note</i>"], tmp_path / "out", command="captioner compare a b")
    text = page.read_text("utf-8")
    assert text.count('<th scope="row"') == 3 + 3, "three systems and three pairs"
    assert "<script>x</script>" not in text and "<i>note" not in text and "<b>reference" not in text
    data = json.loads(text.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    cards = {item["name"]: item for item in data["groups"][0]["items"]}
    assert cards["images/29.png"]["picture"].startswith("data:image/webp;base64,")
    assert cards["images/28.png"]["picture"] == "", "no picture where there is no file"
    assert cards["images/29.png"]["texts"][2] == "bad says images/29.png"
    best = text.split("<tbody>")[1].split("</tbody>")[0]
    assert best.count('class="best"') == 1 and best.count('class="equal"') == 1, "the bad one is neither"
    assert "default-src 'none'" in text and "https://" not in text


def test_json_and_markdown_say_the_same_as_the_page(compared, tmp_path):
    write_comparison(*compared, tmp_path / "out")
    content = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    (group,) = content["groups"]
    assert [one["name"] for one in group["systems"]] == ["good", "<script>x</script>", "bad"]
    assert group["compared"]["tests"] == len(group["pairs"]) == 3 and group["compared"]["images"] == 30
    last = group["pairs"][-1]["differences"]["rouge_l"]
    assert last["verdict"] == "lower" and last["p"] < last["adjusted_p"] < 0.05 and last["low"] < last["high"] < 0
    text = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert "&lt;script&gt;" in text and "<script>" not in text
    assert f"{100 * last['difference']:+.1f} ({last['adjusted_p']:.3f})" in text
    assert "**good** better than bad:" in text and "bad says images/29.png" in text


def test_images_are_looked_for_where_it_is_said_and_never_outside(compared, tmp_path):
    groups, _ = compared
    differing = differing_images(groups[0])
    shutil.copytree(tmp_path / "data" / "images", tmp_path / "moved")
    found = dict(zip(differing.images, find_images(differing, groups[0].systems, tmp_path / "moved"), strict=True))
    assert set(found.values()) == {None}, "images/29.png is none of that folder's names"
    items = {image: tuple(Item("", names=("../data/images/29.png",)) for _ in range(3)) for image in differing.images}
    outside = type(differing)(differing.scores, differing.systems, differing.images, differing.values, items)
    assert set(find_images(outside, groups[0].systems, tmp_path / "moved")) == {None}


def test_files_of_somebody_else_are_not_replaced(compared, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "comparison.html").write_text("my thesis")
    with pytest.raises(UserError, match="exists already, and a report would replace it"):
        check_comparison_folder(tmp_path / "out")
    write_comparison(*compared, tmp_path / "again")
    check_comparison_folder(tmp_path / "again")  # an earlier comparison may be replaced


def captions(folder, wrong=()):
    """The same captions in every form that other programs write, those numbered `wrong` false."""
    texts = {f"{n}.jpg": "two cats" if n in wrong else f"a dog number {n} runs" for n in range(20)}
    (folder / "coco.json").write_text(json.dumps([{"image_id": n, "caption": text} for n, text in texts.items()]))
    lines = [json.dumps({"image": image, "caption": text, "score": -0.5}) for image, text in texts.items()]
    (folder / "ours.jsonl").write_text("\n".join(lines))
    with open(folder / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows([("image", "caption"), *texts.items()])


@pytest.fixture
def files(tmp_path):
    with open(tmp_path / "references.csv", "w", newline="") as file:
        rows = [(f"{n}.jpg", f"a dog number {n} runs") for n in range(20)]
        csv.writer(file).writerows([("image", "caption"), *rows])
    captions(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_results_of_any_origin_are_compared(files):
    """COCO's JSON, lines of `caption`, a table, and an evaluation, all of the same captions: nothing may differ."""
    references = ("--references", files / "references.csv")
    done = run("evaluate", "--predictions", files / "table.csv", *references, "--report", files / "evaluation")
    assert done.exit_code == 0, done.output
    sources = [files / name for name in ("coco.json", "ours.jsonl", "table.csv", "evaluation")]
    done = run("compare", *sources, *references, "--report", files / "out")
    assert done.exit_code == 0 and f"Report: {files / 'out' / 'comparison.html'}" in done.stdout, done.output
    assert max(map(len, done.stdout.splitlines())) <= max(80, len(str(files)) + 40)
    (group,) = json.loads((files / "out" / "comparison.json").read_text("utf-8"))["groups"]
    assert len(group["systems"]) == 4 and len(group["pairs"]) == 6
    differences = [one for pair in group["pairs"] for one in pair["differences"].values()]
    assert {(one["difference"], one["verdict"]) for one in differences if one["adjusted_p"]} == {(0.0, "not shown")}
    # A file of an evaluation is that evaluation.
    (one,) = read_evaluations([files / "evaluation" / "predictions.csv"])
    assert one.folder == str(files / "evaluation") and read_items(one)["3.jpg"].text == "a dog number 3 runs"


def test_references_for_evaluations_are_refused_and_their_captions_scored_again(files):
    """Ignored in silence, scores against the old references would pass for scores against the new ones."""
    references = ("--references", files / "references.csv")
    assert run("evaluate", "--predictions", files / "table.csv", *references, "--report", files / "a").exit_code == 0
    with open(files / "other.csv", "w", newline="") as file:
        csv.writer(file).writerows([("image", "caption"), *((f"{n}.jpg", "a cat sleeps here") for n in range(20))])
    done = run("compare", files / "a", "--references", files / "other.csv")
    assert done.exit_code == 1 and "have their scores already" in " ".join(done.stderr.split())
    (again,) = read_evaluations([files / "a" / "predictions.csv"], ReferenceOptions(files / "other.csv"))
    assert again.scores["rouge_l"] < 0.5 and again.items["3.jpg"].references == ("a cat sleeps here",)
    done = run("compare", files / "a", "--images", files)
    assert done.exit_code == 2 and "the pictures of --report" in " ".join(done.stderr.split())


def test_files_are_scored_on_the_images_that_all_of_them_have(files):
    """CIDEr-D weighs words by all references that are scored: on other images the same captions score otherwise."""
    (files / "few.json").write_text(json.dumps([{"image_id": f"{n}.jpg", "caption": "a dog"} for n in range(12)]))
    options = ReferenceOptions(files / "references.csv")
    first, second = read_evaluations([files / "few.json", files / "table.csv"], options)
    assert first.images == second.images == tuple(f"{n}.jpg" for n in range(12))
    assert "8 images are left out: not all of the files have a caption of them." in first.notes


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("coco.json", "table.csv"), "give what they are scored against with --references"),
        (("coco.json", "coco.json", "--references", "references.csv"), "is named twice"),
        (("coco.json", "none.json", "--references", "references.csv"), "holds no captions"),
        (("coco.json", "nowhere.json", "--references", "references.csv"), "name a file of captions"),
        (("coco.json", "others.json", "--references", "references.csv"), "has a caption but no reference"),
        (("coco.json", "apart.json", "--references", "more.csv"), "There is no image of which"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(files, arguments, sentence):
    (files / "none.json").write_text("[]")
    (files / "others.json").write_text('[{"image_id": "x.jpg", "caption": "a dog"}]')
    (files / "apart.json").write_text('[{"image_id": "y.jpg", "caption": "a dog"}]')
    (files / "more.csv").write_text((files / "references.csv").read_text() + "y.jpg,a dog\n")
    done = run("compare", *(files / name if "." in name else name for name in arguments))
    assert done.exit_code == 1 and sentence in " ".join(done.stderr.split()), done.output
