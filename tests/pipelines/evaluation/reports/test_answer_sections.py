"""The page of answers: it needs nothing else, and runs nothing that came in a name, a question or an answer."""

import html.parser
import json
import re

import numpy as np
import pytest
from PIL import Image

from pipelines.evaluation.reports.answer_sections import chosen_questions
from pipelines.evaluation.reports.html_page import render_report
from pipelines.evaluation.reports.markdown import render_markdown
from pipelines.evaluation.results import DECISIVE, AnsweredQuestion, AttentionMaps, Evaluation

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"' & {{ 7*7 }}"
SCORES = {"exact_match": 0.5, "wups_0.9": 0.625}


def question(tmp_path, number, text="what colour is it?", answer="red", right=True):
    path = tmp_path / f"{number % 7}.png"
    if not path.exists():
        Image.fromarray(np.full((40, 60, 3), 30 * (number % 7), np.uint8)).save(path)
    found = ((answer, 0.5 + number / 200), ("blue", 0.2), ("two", 0.1))
    agreed = answer if right else "green"
    return AnsweredQuestion(f"{path.name}#{number}", path.name, path, text, (agreed,), agreed, found,
                            {"exact_match": float(right), "wups_0.9": 0.6}, "attribute", "other")  # fmt: skip


def evaluation(tmp_path, number=40, text="what colour is it?", answer="red", **changes):
    questions = tuple(question(tmp_path, n, text, answer, n % 2 == 0) for n in range(number))
    group = {"questions": number, **SCORES}
    breakdown = {
        "questions": number, "left_out": 0,
        "by_question_type": {text: group}, "by_answer_type": {"other": group},
        "confusion": {"answers": [answer, "green"], "counts": [[20, 0], [20, 0]], "questions": number},
        "protocols": {"all questions": group, "questions with a one-word answer": {**group, "exact_match": 0.25}},
        "ceiling": {"exact_match": 0.875}, "baselines": {"the most frequent answer": {**SCORES, "exact_match": 0.125}},
    }  # fmt: skip
    values = {"title": "run on table, test", "scores": SCORES, "intervals": {"exact_match": [0.4, 0.6]},
              "predictions": questions,
              "notes": (text,), "breakdown": breakdown,
              "evaluated": {"images": 7, "answers": "one of 12"}, **changes}  # fmt: skip
    return Evaluation(**values)


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, texts, and what stands in scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.text, self.inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        (self.scripts if self.inside == "script" else self.text).append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def test_the_page_needs_nothing_else(tmp_path):
    page = render_report(evaluation(tmp_path))
    for tag, attributes in Page(page).tags:
        for name in ("src", "href", "srcset", "data", "action"):
            address = attributes.get(name) or ""
            assert not address or address.startswith(("data:", "#")), f"<{tag} {name}={address[:60]}> is not in it"
    assert "@import" not in page and not re.search(r"url\((?!#|data:)", page)


def test_names_questions_and_answers_are_text_wherever_they_stand(tmp_path):
    hostile = {"text": HOSTILE, "answer": HOSTILE, "title": HOSTILE, "settings": {HOSTILE: {HOSTILE: HOSTILE}}}
    maps = {evaluation(tmp_path).predictions[0].id: AttentionMaps((HOSTILE,), np.eye(1, 4), (2, 2))}
    page = Page(render_report(evaluation(tmp_path, attention=maps, **hostile)))
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}, {}], "a script came in with a question or an answer"
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not any(attributes.get("src") == "x" for _, attributes in page.tags)
    assert "49" not in page.words, "a template in a question was run"
    row = json.loads(page.scripts[0])["rows"][0]
    assert row[1] == [HOSTILE] and row[2][0][0] == HOSTILE, "the table shows another question or answer"


def test_what_people_answer_is_marked_or_told(tmp_path):
    words = Page(render_report(evaluation(tmp_path, 2))).words
    assert words.count("✓") == 2, "of the right answer, and in the sentence that explains the mark"
    assert "true: green" in words and "red ✓" in words


def test_all_that_is_known_stands_in_the_page(tmp_path):
    words = Page(render_report(evaluation(tmp_path))).words
    for told in ("Exact match 50.0 40.0 – 60.0", "WUPS at 0.9 62.5", "questions with a one-word answer 40 25.0 62.5",
                 "the most frequent answer 12.5", "the best choice from its list of answers 87.5",
                 "Type of question", "Type of answer", "What is taken for what"):  # fmt: skip
        assert told in words, told
    bare = evaluation(tmp_path)
    for name in ("protocols", "ceiling", "baselines"):
        del bare.breakdown[name]
    words = Page(render_report(bare)).words
    assert "Two protocols" not in words and "Guessing" not in words


def test_where_it_looked_is_told_for_what_it_is(tmp_path):
    found = evaluation(tmp_path)
    id = found.predictions[3].id
    page = render_report(evaluation(tmp_path, attention={id: AttentionMaps(("hop 1", "hop 2"), np.eye(2, 4), (2, 2))}))
    assert page.count("<figcaption") == 3 and "hop by hop" in page and "grey patch" not in page
    page = render_report(evaluation(tmp_path, attention={id: AttentionMaps((DECISIVE,), np.eye(1, 49), (7, 7))}))
    assert page.count("<figcaption") == 2 and "grey patch" in page


@pytest.mark.parametrize("number", [1, 15, 16, 60])
def test_any_number_of_questions_makes_a_page(tmp_path, number):
    page = render_report(evaluation(tmp_path, number))
    assert page.count('<article class="card">') >= min(number, 8)


def test_cards_are_what_they_are_called_and_none_is_shown_twice(tmp_path):
    groups = dict(chosen_questions(evaluation(tmp_path, 60).predictions))
    assert all(one.right for one in groups["Right, and surest"])
    assert not any(one.right for one in groups["Wrong, and surest"])
    shown = [one.id for chosen in groups.values() for one in chosen]
    assert len(shown) == len(set(shown))
    left = [
        one for one in evaluation(tmp_path, 60).predictions if one.id not in {o.id for o in groups["Picked at random"]}
    ]
    assert groups["Right, and surest"][0].probability == max(one.probability for one in left if one.right)


def test_images_that_are_gone_leave_a_gap_only(tmp_path):
    found = evaluation(tmp_path, 3)
    found.predictions[0].path.unlink()
    found.predictions[1].path.write_bytes(b"broken")
    assert render_report(found).count("no picture") == 2


def test_a_picture_is_in_the_table_once_however_many_questions_it_has(tmp_path):
    data = json.loads(Page(render_report(evaluation(tmp_path, 60))).scripts[0])
    assert len(data["pictures"]) == 7 and {row[0] for row in data["rows"]} == set(range(7))


def test_every_picture_is_described_and_can_be_enlarged(tmp_path):
    """Wrong if a screen reader meets a picture without a name, or a picture stays as small as it is."""
    maps = {evaluation(tmp_path).predictions[0].id: AttentionMaps(("hop 1",), np.eye(1, 4), (2, 2))}
    page = Page(render_report(evaluation(tmp_path, attention=maps)))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) > 10 and all(attributes["alt"] for attributes in pictures)
    assert sum(attributes.get("class") == "enlarge" for _, attributes in page.tags) == len(pictures)
    data = json.loads(page.scripts[0])
    assert all(description == f"{number}.png" for number, (_, description) in enumerate(data["pictures"]))


def test_wrong_and_right_answers_can_be_shown_alone(tmp_path):
    page = Page(render_report(evaluation(tmp_path, 8)))
    options = [attributes["value"] for tag, attributes in page.tags if tag == "option"]
    assert "the wrong ones the right ones" in page.words and options[:3] == ["", "0", "1"]
    rows = json.loads(page.scripts[0])["rows"]
    assert [row[4] for row in rows] == [1, 0] * 4 and rows[0][6:] == ["✓ red", "attribute"]
    assert rows[1][6] == "✗ green"


def test_calibration_is_a_diagram_and_numbers(tmp_path):
    bins = [
        {"low": 0.3, "high": 0.4, "questions": 30, "probability": 0.36, "accuracy": 0.2},
        {"low": 0.9, "high": 1.0, "questions": 10, "probability": 0.95, "accuracy": 0.5},
    ]
    found = evaluation(tmp_path)
    found.breakdown["calibration"] = {"score": "exact_match", "error": 0.2325, "bins": bins}
    page = Page(render_report(found))
    assert "23.2 of 100" in page.words and "90 to 100" in page.words
    described = [attributes.get("aria-label") for _, attributes in page.tags]
    assert "Exact match of answers by their mean probability: 36 %: 20, 95 %: 50" in described
    text = render_markdown(found)
    assert "expected calibration error 23.2, by Exact match" in text
    assert "| 90 to 100 | 10 | 95.0 | 50.0 |" in text and "## By type of question" in text
    assert "calibration" not in render_report(evaluation(tmp_path)).partition("<body>")[2]
