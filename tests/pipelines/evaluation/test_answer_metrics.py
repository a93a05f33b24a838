"""The evaluation of answers: every number by hand on a few questions, and plain data that JSON can hold."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text import wordnet
from captioner.text.answers import AnswerList
from captioner.text.wordnet import WORDNET_MISSING
from pipelines.data.examples import QuestionExample
from pipelines.evaluation.answer_metrics import ALL, OTHER, SINGLE, ceiling, confusion, evaluate_answers
from tests.support_wordnet import write_wordnet


def ask(number, answers, kind="", answer_kind="", choices=()):
    return QuestionExample(
        f"a.jpg#{number}", Path("a.jpg"), "What?", answers, "test", choices, kind, answer_type=answer_kind
    )


QUESTIONS = [
    ask(0, ("dog",), "object"),
    ask(1, ("cat",), "object"),
    ask(2, ("2",), "number"),
    ask(3, ("dog, child",), "object"),
    ask(4, ("yes",), "yes/no"),
]
PREDICTIONS = dict(zip([f"a.jpg#{n}" for n in range(5)], ["dog", "dog", "3", "dog", "Yes"], strict=True))


@pytest.fixture(autouse=True)
def tiny(tmp_path_factory, monkeypatch):
    """The WordNet of nine words, whatever is installed."""
    found = wordnet._open_folder(write_wordnet(tmp_path_factory.mktemp("wordnet")))
    monkeypatch.setattr("captioner.metrics.wups.open_wordnet", lambda: found)


def test_scores_of_all_and_by_type_by_hand():
    """dog right; dog for cat: WUPS 2/3 (a tenth of it at 0.9); 3 for 2: 0; dog for a set: 2/5; yes right."""
    summary = evaluate_answers(QUESTIONS, PREDICTIONS).summary
    assert summary["questions"] == 5 and summary["left_out"] == 0 and summary["notes"] == []
    assert summary["scores"] == pytest.approx(
        {
            "exact_match": 2 / 5,
            "wups_0.9": (1 + 2 / 30 + 0 + 2 / 50 + 1) / 5,
            "wups_0.0": (1 + 2 / 3 + 0 + 2 / 5 + 1) / 5,
        }
    )
    by_type = summary["by_question_type"]
    assert list(by_type) == ["object", "number", "yes/no"], "the largest group comes first"
    assert by_type["object"] == pytest.approx(
        {
            "questions": 3,
            "exact_match": 1 / 3,
            "wups_0.9": (1 + 2 / 30 + 2 / 50) / 3,
            "wups_0.0": (1 + 2 / 3 + 2 / 5) / 3,
        }
    )
    assert by_type["number"]["exact_match"] == 0 and by_type["yes/no"]["exact_match"] == 1
    assert {name: found["questions"] for name, found in summary["by_answer_type"].items()} == {
        "other": 3, "number": 1, "yes/no": 1,
    }  # fmt: skip
    low, high = summary["intervals"]["exact_match"]
    assert 0 <= low < 2 / 5 < high <= 1


def test_people_read_blanks_and_underscores_join_words():
    """By hand: of three answers two are right whatever parts their words; two are one word to their data set."""
    questions = [replace(ask(0, ("night_stand",)), source_id="007"), ask(1, ("hot dog",)), ask(2, ("garbage_bin",))]
    predictions = {"a.jpg#0": "night stand", "a.jpg#1": "hot_dog", "a.jpg#2": "lamp"}
    found = evaluate_answers(questions, predictions)
    assert found.summary["scores"]["exact_match"] == pytest.approx(2 / 3)
    assert [question.row()["source_id"] for question in found.questions] == ["007", "", ""], "as it came"
    single = found.summary["protocols"][SINGLE]
    assert single["questions"] == 2 and single["exact_match"] == 0.5
    for row in (question.row() for question in found.questions):
        assert "_" not in str([row[name] for name in ("prediction", "answer", "answers", "people")])
    assert sorted(found.breakdown["confusion"]["answers"]) == ["(other)", "garbage bin", "hot dog", "night stand"]


def test_both_single_word_protocols_are_named():
    """If this fails, a score over one-word questions is read as one over all.

    By hand: of five questions, four have a one-word answer, and two of them are answered: 1/2 instead of 2/5.
    """
    protocols = evaluate_answers(QUESTIONS, PREDICTIONS).summary["protocols"]
    assert list(protocols) == [ALL, SINGLE] == ["all questions", "questions with a one-word answer"]
    assert (protocols[ALL]["questions"], protocols[ALL]["exact_match"]) == (5, 2 / 5)
    assert (protocols[SINGLE]["questions"], protocols[SINGLE]["exact_match"]) == (4, 2 / 4)
    assert protocols[SINGLE]["wups_0.0"] == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    short = [one for one in QUESTIONS if one.answers != ("dog, child",)]
    assert "protocols" not in evaluate_answers(short, PREDICTIONS).summary, "there they are the same"


def test_vqa_accuracy_is_there_where_several_people_answered():
    """If this fails, data sets with one answer get VQA accuracies of 0, or VQA gets none."""
    assert "vqa_accuracy" not in evaluate_answers(QUESTIONS, PREDICTIONS).summary["scores"]
    vqa = [ask(0, ("yes",) * 8 + ("no",) * 2, "is it", "yes/no"), ask(1, ("red",) * 9 + ("no",), "what", "other")]
    summary = evaluate_answers(vqa, {"a.jpg#0": "no", "a.jpg#1": "red"}).summary
    assert summary["scores"]["vqa_accuracy"] == pytest.approx((0.6 + 1) / 2)  # two of ten: 0.6
    assert summary["by_answer_type"]["yes/no"]["vqa_accuracy"] == pytest.approx(0.6)
    assert summary["by_question_type"]["what"] == pytest.approx(
        {"questions": 1, "exact_match": 1, "vqa_accuracy": 1, "wups_0.9": 1, "wups_0.0": 1}
    )
    mixed = evaluate_answers([*vqa, ask(2, ("red",))], {"a.jpg#0": "no", "a.jpg#2": "red"}).summary
    assert "vqa_accuracy" not in mixed["scores"] and any("VQA accuracy is left out" in note for note in mixed["notes"])


def test_without_wordnet_all_the_rest_is_there(monkeypatch):
    """If this fails, somebody without WordNet gets no scores at all, or no word of how to get it."""
    monkeypatch.setattr("captioner.metrics.wups.open_wordnet", lambda: None)
    summary = evaluate_answers(QUESTIONS, PREDICTIONS, baselines={"guess": PREDICTIONS}).summary
    assert list(summary["scores"]) == ["exact_match"] and summary["scores"]["exact_match"] == 2 / 5
    assert summary["notes"] == [f"WUPS is left out. {WORDNET_MISSING}"]


def test_questions_without_prediction_or_answer_are_left_out_and_counted():
    """If this fails, a damaged image counts as a wrong answer, or nobody sees that it is missing."""
    some = {key: PREDICTIONS[key] for key in ("a.jpg#0", "a.jpg#2")}
    summary = evaluate_answers([*QUESTIONS, ask(5, ())], {**some, "a.jpg#5": "x"}).summary
    assert (summary["questions"], summary["left_out"], summary["scores"]["exact_match"]) == (2, 4, 1 / 2)
    assert summary["notes"][0].startswith("4 questions were left out")
    with pytest.raises(UserError, match="None of the 5 questions has both"):
        evaluate_answers(QUESTIONS, {"b.jpg#0": "dog"})


def test_the_confusion_table_by_hand():
    """Rows are true answers: dog twice (dog, cat), cat once (dog); of three, the two most frequent are named."""
    found = confusion(["dog", "Dog.", "cat", "sofa"], ["dog", "cat", "dog", "lamp"], labels=2)
    assert found == {"answers": ["dog", "cat", OTHER], "counts": [[1, 1, 0], [1, 0, 0], [0, 0, 1]], "questions": 4}
    assert confusion(["a", "b"], ["b", "b"]) == {"answers": ["a", "b"], "counts": [[0, 1], [0, 1]], "questions": 2}


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdef")), min_size=1), st.integers(1, 7))
def test_every_question_is_in_the_confusion_table_once(pairs, labels):
    """If this fails, the table's rows do not add up to how often an answer is true."""
    true, given_ = zip(*pairs, strict=True)
    found = confusion(true, given_, labels)
    assert sum(map(sum, found["counts"])) == len(pairs)
    for name, row in zip(found["answers"], found["counts"], strict=True):
        assert len(row) == len(found["answers"])
        if name != OTHER:
            assert sum(row) == true.count(name)


def test_the_ceiling_is_what_the_list_can_reach():
    """Exact: dog and yes of five. VQA accuracy: of ten answers, nine are not in the list, two "no" are: 0.6."""
    answers = AnswerList(["dog", "yes", "no"])
    assert ceiling(answers, QUESTIONS) == {"exact_match": 2 / 5}
    vqa = [ask(0, ("maybe",) * 8 + ("no",) * 2), ask(1, ("yes",) * 10)]
    assert ceiling(answers, vqa) == pytest.approx({"exact_match": 1 / 2, "vqa_accuracy": (0.6 + 1) / 2})
    assert evaluate_answers(QUESTIONS, PREDICTIONS, answers).summary["ceiling"] == {"exact_match": 2 / 5}


def test_baselines_are_scored_on_the_same_questions():
    """If this fails, a model is compared with guessing on other questions."""
    guesses = {one.id: "dog" for one in QUESTIONS}
    some = {key: PREDICTIONS[key] for key in ("a.jpg#0", "a.jpg#1")}
    baselines = evaluate_answers(QUESTIONS, some, baselines={"most frequent": guesses}).summary["baselines"]
    assert baselines["most frequent"] == pytest.approx(
        {"exact_match": 1 / 2, "wups_0.9": (1 + 2 / 30) / 2, "wups_0.0": (1 + 2 / 3) / 2}
    )


def test_everything_is_plain_data_and_every_question_has_a_row():
    """If this fails, metrics.json cannot be written, or a report cannot show a question."""
    evaluation = evaluate_answers(QUESTIONS, PREDICTIONS, AnswerList(["dog"]), {"guess": PREDICTIONS})
    assert json.loads(json.dumps(evaluation.summary)) == evaluation.summary
    rows = json.loads(json.dumps([question.row() for question in evaluation.questions]))
    assert rows[1] == {
        "id": "a.jpg#1", "image": "a.jpg", "question": "What?", "prediction": "dog", "probability": 1.0,
        "answer": "cat", "type": "object", "answer_type": "other",
        "exact_match": 0.0, "wups_0.9": 0.066667, "wups_0.0": 0.666667,
        "answers": [{"answer": "dog", "probability": 1.0}], "people": ["cat"], "source_id": "",
    }  # fmt: skip
    assert len(rows) == 5


def test_multiple_choice_by_kind_of_question():
    """Visual7W's table: accuracy by what, where, when, who, why and how; the choice is written as in the data."""
    kinds = ["what", "where", "when", "who", "why", "how"]
    asked = [ask(n, ("Wood.",), kind, choices=("Wood.", "Tile.")) for n, kind in enumerate(kinds * 2)]
    chosen = {one.id: "Wood." if n in (0, 6, 1) else "Tile." for n, one in enumerate(asked)}
    by_type = evaluate_answers(asked, chosen).summary["by_question_type"]
    assert {kind: by_type[kind]["exact_match"] for kind in kinds} == {
        "what": 1, "where": 1 / 2, "when": 0, "who": 0, "why": 0, "how": 0,
    }  # fmt: skip


def test_calibration_is_by_what_people_answered():
    """Of ten answers it is VQA accuracy: an answer that three of ten gave at 0.9 is not wrong, but worth 0.9."""
    answered = [ask(n, ("red",) * 3 + ("blue",) * 7) for n in range(2)]
    candidates = {"a.jpg#0": [("red", 0.85), ("blue", 0.1)], "a.jpg#1": [("green", 0.85)]}
    texts = {id: listed[0][0] for id, listed in candidates.items()}
    found = evaluate_answers(answered, texts, candidates=candidates).summary["calibration"]
    assert found["score"] == "vqa_accuracy" and found["error"] == pytest.approx(abs(0.9 / 2 - 0.85))
    expected = {"low": 0.8, "high": 0.9, "questions": 2, "probability": 0.85, "accuracy": 0.45}
    assert found["bins"] == [pytest.approx(expected)]
    json.dumps(found, allow_nan=False)
    alone = {id: [(text, 0.7)] for id, text in PREDICTIONS.items()}
    found = evaluate_answers(QUESTIONS, PREDICTIONS, candidates=alone).summary["calibration"]
    assert found["score"] == "exact_match" and found["error"] == pytest.approx(0.3)
    assert "calibration" not in evaluate_answers(QUESTIONS, PREDICTIONS).summary, "nothing is known of probabilities"


def test_without_types_questions_are_grouped_by_their_first_words():
    """Otherwise nobody learns from such data whether counting or colours are hard."""
    asked = ["What color is it?"] * 6 + ["what colour, then?"] * 5 + ["Is there a dog?"] * 7 + ["Why?", "Who?"]
    questions = [replace(ask(n, ("red",)), question=text) for n, text in enumerate(asked)]
    summary = evaluate_answers(questions, {question.id: "red" for question in questions[:-1]}).summary
    counts = {name: group["questions"] for name, group in summary["by_first_words"].items()}
    assert counts == {"is there": 7, "what color": 6, "what colour": 5, "(other)": 1}
    assert summary["by_first_words"]["is there"]["exact_match"] == 1 and summary["by_question_type"] == {}
    assert "by_first_words" not in evaluate_answers(QUESTIONS, PREDICTIONS).summary, "the data has types of its own"
