"""The report: one page that needs nothing else and runs nothing that came in a name or a caption."""

import base64
import hashlib
import html.parser
import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from captioner.metrics.score import score_captions
from pipelines.evaluation.error_analysis import analyze_errors
from pipelines.evaluation.reports.html_page import render_report
from pipelines.evaluation.reports.score_sections import score_lines
from pipelines.evaluation.reports.write import write_evaluation
from pipelines.evaluation.results import AttentionMaps, Evaluation, FalseStatement, Prediction

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"' & {{ 7*7 }}"
SCORES = {"bleu_1": 0.6, "bleu_4": 0.2123, "cider_d": 0.5, "brevity_penalty": 0.9, "prediction_words": 90.0,
          "reference_words": 100.0, "distinct_captions": 0.4}  # fmt: skip


def evaluation(tmp_path, number=20, text="a dog", **changes):
    predictions = []
    for index in range(number):
        path = tmp_path / f"{index}.png"
        Image.fromarray(np.full((40, 60, 3), index * 7 % 255, np.uint8)).save(path)
        scores = {"words": 2.0, "bleu_4": 0.3, "cider_d": index / number}
        predictions.append(Prediction(f"{index}.png", text, ("a dog runs", text), scores, -0.5, path))
    values = {"title": "run on shapes, test", "scores": SCORES, "intervals": {"bleu_4": (0.19, 0.23)},
              "evaluated": {"images": number, "references an image": "2", "tokenizer": "ptb", "beam size": 3},
              "predictions": tuple(predictions), **changes}  # fmt: skip
    return Evaluation(**values)


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, and what stands in scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.text = [], [], []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        (self.scripts if self.inside == "script" else self.text).append(data)


def test_the_page_needs_nothing_else(tmp_path):
    page = render_report(evaluation(tmp_path))
    for tag, attributes in Page(page).tags:
        for name in ("src", "href", "srcset", "data", "action"):
            address = attributes.get(name) or ""
            assert not address or address.startswith(("data:", "#")), (
                f"<{tag} {name}={address[:60]}> is not in the page"
            )
    assert "@import" not in page and not re.search(r"url\((?!#|data:)", page)
    assert "innerHTML" not in page and "insertAdjacentHTML" not in page, "a caption could become markup"


def test_names_and_captions_are_text_wherever_they_stand(tmp_path):
    found = evaluation(tmp_path, text=HOSTILE)
    hostile = [Prediction(HOSTILE, HOSTILE, (HOSTILE,), one.scores, None, one.path) for one in found.predictions[:1]]
    found = evaluation(tmp_path, text=HOSTILE, title=HOSTILE, predictions=(*hostile, *found.predictions),
                       settings={HOSTILE: {HOSTILE: HOSTILE}}, notes=(HOSTILE,), history=None)  # fmt: skip
    page = Page(render_report(found))
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}, {}], "a script came in with a name or a caption"
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not any(attributes.get("src") == "x" for _, attributes in page.tags)
    assert "49" not in "".join(page.text).replace("0.49", ""), "a template in a caption was run"
    row = json.loads(page.scripts[0])["rows"][0]
    assert row[1] == [HOSTILE] and row[3] == HOSTILE, "the table shows another caption or name"


def test_only_the_pages_own_script_may_run(tmp_path):
    page = Page(render_report(evaluation(tmp_path)))
    policy = next(attributes["content"] for _, attributes in page.tags if attributes.get("http-equiv"))
    allowed = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in policy, "the page's script does not fit the policy, so it would not run"
    assert "default-src 'none'" in policy


def test_names_of_any_bytes_can_be_written(tmp_path):
    found = evaluation(tmp_path, number=3, title=os.fsdecode(b"caf\xe9"))
    write_evaluation(found, tmp_path)
    assert "caf\\udce9" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("number", [1, 2, 11, 12, 30])
def test_any_number_of_images_makes_a_page(tmp_path, number):
    page = render_report(evaluation(tmp_path, number))
    assert page.count('<article class="card">') == (12 if number >= 12 else number)


def test_images_that_are_gone_leave_a_gap_only(tmp_path):
    found = evaluation(tmp_path, 3)
    found.predictions[0].path.unlink()
    found.predictions[1].path.write_bytes(b"broken")
    assert render_report(found).count("no picture") == 2


def test_best_and_worst_are_what_they_are_called(tmp_path):
    page = render_report(evaluation(tmp_path, 30))
    best = page[page.index("<h3>Best") : page.index("<h3>In the middle")]
    worst = page[page.index("<h3>Worst") : page.index("<h2>All scores")]
    best, worst = (re.sub(r'alt="[^"]*"', "", part) for part in (best, worst))
    assert re.findall(r"(\d+)\.png", best) == ["29", "28", "27", "26"]
    assert re.findall(r"(\d+)\.png", worst) == ["3", "2", "1", "0"]


def test_scores_are_printed_as_papers_print_them(tmp_path):
    lines = {line.name: line for line in score_lines(evaluation(tmp_path, 1))}
    assert lines["bleu_4"].value == "21.2" and lines["bleu_4"].interval == "19.0 – 23.0"
    assert lines["brevity_penalty"].value == "0.900"


def test_attention_and_curves_are_shown_where_there_are_any(tmp_path):
    history = tmp_path / "metrics.csv"
    history.write_text("epoch,loss,dev_loss,bleu_4,seconds\n1,3.2,,0.1,60\n2,2.9,2.8,,60\n3,2.5,2.7,0.2,60\n")
    maps = {"0.png": AttentionMaps(("a", "dog"), np.random.default_rng(0).random((2, 4)), (2, 2))}
    page = render_report(evaluation(tmp_path, 12, attention=maps, history=history))
    assert page.count("<figcaption") == 3 and "<h2>Training" in page and page.count("<svg") >= 4
    assert "Loss by epoch: training from 3.2 to 2.5, development from 2.8 to 2.7" in page
    without = render_report(evaluation(tmp_path, 12, history=tmp_path / "nothing.csv"))
    assert "<h2>Training" not in without and "<h2>Where it looked" not in without


def test_where_bleu_is_lost_and_which_words_are_wrong_is_shown(tmp_path):
    captions = {f"{n}.png": HOSTILE if n % 2 else "a dog" for n in range(12)}
    references = dict.fromkeys(captions, ("a dog runs fast", HOSTILE))
    rows = score_captions(captions, references).rows["bleu"]
    errors = analyze_errors(captions, references, rows, known={"a"})
    found = evaluation(tmp_path, 12, errors=errors, trained={"recipe": "shapes", "parameters": 779057})
    text = " ".join("".join(Page(render_report(found)).text).split())
    assert "Where BLEU is lost" in text and "a word of the references unknown" in text and "a dog, 6 times" in text
    assert "Said less often, or never" in text and "779,057" in text
    assert Page(render_report(found)).tags.count(("script", {})) == 1, "a caption became a script"


def test_every_column_can_be_sorted_by(tmp_path):
    page = Page(render_report(evaluation(tmp_path, 12)))
    columns = [
        attributes["data-column"] for tag, attributes in page.tags if tag == "th" and "data-column" in attributes
    ]
    choices = {attributes["value"] for tag, attributes in page.tags if tag == "option"}
    assert columns == ["title", "0", "1", "2"]
    assert all(f"{column} {way}" in choices for column in columns for way in (1, -1)), "a head would show nothing"


def test_contents_lead_to_every_section(tmp_path):
    """Wrong if a link leads nowhere, or a section cannot be reached."""
    page = Page(render_report(evaluation(tmp_path, 12)))
    ids = [attributes["id"] for tag, attributes in page.tags if tag == "section" and "id" in attributes]
    assert ids == ["caption-cards", "scores", "lengths", "caption-table", "facts"]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links[: len(ids)] == [f"#{id}" for id in ids] and set(links) == {*(f"#{id}" for id in ids), "#top"}
    every_id = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(every_id) == len(set(every_id))


def test_a_mark_stays_on_its_bar(tmp_path):
    """CIDEr-D goes up to 1,000: its interval stood far outside of a bar that ends at 100."""
    found = evaluation(
        tmp_path, 3, scores={**SCORES, "cider_d": 5.5}, intervals={"cider_d": (5.0, 6.0), "bleu_4": (0.9, 1)}
    )
    lines = {line.name: line for line in score_lines(found)}
    assert (lines["cider_d"].low, lines["cider_d"].width, lines["cider_d"].top) == (50, 10, 1000)
    assert (lines["bleu_4"].low, lines["bleu_4"].width, lines["bleu_4"].top) == pytest.approx((90, 10, 100))
    page = render_report(found)
    assert '<rect x="50.00" width="10.00"' in page and "of CIDEr-D from 0 to 1,000" in page
    same = evaluation(tmp_path, 3, intervals={"bleu_4": (1.0, 1.0)})
    (line,) = (line for line in score_lines(same) if line.name == "bleu_4")
    assert line.low + line.width == 100


def of_drawn_scenes(tmp_path):
    """Three captions, the first of which is false in two ways."""
    false = (FalseStatement("colour: red dog", ((2, 5),)), FalseStatement("relation: left of", ((10, 14), (15, 17))))
    predictions = [
        Prediction(
            f"{n}.png",
            "a red dog left of a cat",
            ("a blue dog",),
            {"faithfulness": 1 - n / 4, "cider_d": n / 4},
            -0.5,
            false_statements=false if n == 1 else (),
        )
        for n in range(3)
    ]
    return evaluation(tmp_path, 1, predictions=tuple(predictions), scores={**SCORES, "faithfulness": 0.75})


def test_what_is_false_in_a_caption_of_a_drawn_scene_is_marked(tmp_path):
    page = render_report(of_drawn_scenes(tmp_path))
    assert "a <mark>red</mark> dog <mark>left of</mark> a cat" in page, "words that are false together are one mark"
    assert "colour: red dog; relation: left of" in page
    data = json.loads(Page(page).scripts[0])
    row = next(row for row in data["rows"] if row[3] == "1.png")
    assert row[1] == ["a ", "red", " dog ", "left of", " a cat"] and row[5] == ["colour: red dog", "relation: left of"]
    assert [row[4] for row in data["rows"]] == [1, 0, 1], "those with something false can be shown alone"
    assert "captions with something false" in page
    assert "<mark>" not in render_report(evaluation(tmp_path)), "nobody knows what is false of a photograph"


def test_faithfulness_ranks_captions_of_drawn_scenes_and_is_a_column(tmp_path):
    """It is what such data is for: by CIDEr-D the order would be the other way round."""
    page = render_report(of_drawn_scenes(tmp_path))
    parsed = Page(page)
    heads = [attributes for tag, attributes in parsed.tags if tag == "th" and "data-column" in attributes]
    assert heads[1]["data-column"] == "0" and json.loads(parsed.scripts[0])["columns"][0]["label"] == "Faithfulness"
    assert "Ranked by Faithfulness" in page
    cards = page[: page.index('id="scores"')]
    assert re.findall(r'<p class="name" dir="auto">(\d)\.png', cards) == ["0", "1", "2"]


def test_false_statements_are_in_the_table_of_predictions(tmp_path):
    rows = [prediction.row() for prediction in of_drawn_scenes(tmp_path).predictions]
    assert rows[1]["false_statements"] == ["colour: red dog", "relation: left of"] and rows[0]["false_statements"] == []
    assert "false_statements" not in evaluation(tmp_path, 1).predictions[0].row()


def test_pictures_are_described_by_what_people_wrote(tmp_path):
    page = Page(render_report(evaluation(tmp_path, 12)))
    assert {attributes["alt"] for tag, attributes in page.tags if tag == "img"} == {"a dog runs"}
    assert {description for _, description in json.loads(page.scripts[0])["pictures"]} == {"a dog runs"}


def test_an_empty_caption_is_said_to_be_empty(tmp_path):
    page = render_report(evaluation(tmp_path, 2, text=""))
    assert page.count("(an empty caption)") >= 4
