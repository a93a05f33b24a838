"""The report as Markdown: what stands in names and captions is text and nothing else."""

import re

from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics.score import score_captions
from pipelines.evaluation.error_analysis import analyze_errors
from pipelines.evaluation.reports.markdown import as_item, as_text, render_markdown
from pipelines.evaluation.results import Evaluation, FalseStatement, Prediction

SCORES = {"bleu_1": 0.6, "bleu_4": 0.2123, "brevity_penalty": 0.9, "prediction_words": 9.0, "reference_words": 10.0}
HOSTILE = "# <script>alert(1)</script> [x](javascript:alert(1)) | `a` *b* _c_ www.example.com http://example.com\n---"


def evaluation(text="a dog", number=14, **changes):
    captions = {f"{n}.png": text for n in range(number)}
    references = dict.fromkeys(captions, ("a dog runs", text))
    rows = score_captions(captions, references).rows["bleu"]
    predictions = tuple(
        Prediction(image, text, references[image], {"bleu_4": n / 100, "cider_d": n / 10}, -0.5)
        for n, image in enumerate(captions)
    )
    values = {"title": "run on shapes, test", "scores": SCORES, "intervals": {"bleu_4": (0.19, 0.23)},
              "predictions": predictions, "evaluated": {"images": number, "tokenizer": "ptb", "beam size": 3},
              "trained": {"recipe": "shapes", "epochs": 12},
              "errors": analyze_errors(captions, references, rows, known={"a", "dog"}), **changes}  # fmt: skip
    return Evaluation(**values)


def test_everything_that_a_reader_needs_is_in_it():
    page = render_markdown(evaluation())
    assert "| BLEU-4 | 21.2 | 19.0 – 23.0 |" in page
    assert "| tokenizer | ptb |" in page and "| beam size | 3 |" in page and "| recipe | shapes |" in page
    for title in ("# run on shapes, test", "## Scores", "## Where BLEU is lost", "## Words", "### Best", "### Worst"):
        assert f"{title}\n" in page
    best = page[page.index("### Best") : page.index("### In the middle")]
    assert re.findall(r"(\d+)\.png", best) == ["13", "12", "11", "10"]
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_what_is_false_in_a_caption_stands_below_it():
    one = Prediction("a.png", "a red dog", ("a dog",), {}, false_statements=(FalseStatement("colour: red *dog*"),))
    assert "- **a red dog**, a.png\n    - false: colour: red \\*dog\\*\n    - a dog\n" in render_markdown(
        evaluation(predictions=(one,), errors=None)
    )


def test_hostile_text_stays_text():
    page = render_markdown(evaluation(HOSTILE, title=HOSTILE, notes=(HOSTILE,), evaluated={HOSTILE: HOSTILE}))
    assert "<script" not in page and not re.search(r"(?<!\\)\]\(", page)
    assert not re.search(r"(?i)\bhttps?:|\bwww\.", page), "an address would become a link by itself"
    heads = [line for line in page.splitlines() if line.startswith("#")]
    assert len(heads) == 10 and page.count("# #") <= 1


@given(st.text())
def test_any_text_is_one_line_without_markup(text):
    for safe in (as_text(text), as_item(text)):
        assert len(safe.splitlines()) <= 1 and "<" not in safe and ">" not in safe
        assert not re.search(r"(?<!\\)(?:\\\\)*[*_`\[\]|~]", safe)
    assert not re.match(r"[-+#=]|\d+[.)]", as_item(text))
