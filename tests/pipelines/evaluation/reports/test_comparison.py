"""Models at a glance: every column that the family table asks for, readable at 80 columns and as Markdown."""

import pytest
from rich.console import Console

from pipelines.evaluation.bootstrap import Difference
from pipelines.evaluation.compare import Comparison
from pipelines.evaluation.evaluated import Evaluated
from pipelines.evaluation.reports.comparison import common, differences, intervals, overview, short_names
from pipelines.evaluation.reports.markdown import markdown_table
from pipelines.inference.batch_captioning import Rate


def evaluated(model, bleu=0.2, split="dev", beam=3, **trained):
    scores = {f"bleu_{n}": bleu + (4 - n) / 10 for n in range(1, 5)}
    scores |= {"cider_d": 0.537, "rouge_l": 0.468, "distinct_captions": 0.81}
    facts = {"model": model, "data set": "flickr8k", "split": split, "images": 1000, "beam size": beam}
    facts["images decoded a second"] = 164.7
    return Evaluated(f"{model} on flickr8k, {split}", scores, {"bleu_4": [0.19, 0.21]}, facts, trained=trained)


FAMILY = [
    evaluated("show-attend-and-tell-hard", parameters=6_291_440, **{"seconds of training": 1200.4}),
    evaluated("neuraltalk", 0.157, parameters=48_200),
]


def test_the_family_table_has_every_column():
    head, rows = overview(FAMILY, short_names(FAMILY))
    assert head == ["model", "B-1", "B-2", "B-3", "B-4", "R-L", "CIDEr-D", "dist.", "params", "min", "img/s"]
    assert rows == [
        ["show-attend-and-tell-hard", "50.0", "40.0", "30.0", "20.0", "46.8", "53.7", "81.0", "6.29M", "20", "165"],
        ["neuraltalk", "45.7", "35.7", "25.7", "15.7", "46.8", "53.7", "81.0", "48k", "", "165"],
    ]
    assert common(FAMILY) == "flickr8k, dev, 1000 images, beam 3"


@pytest.mark.parametrize("width", [80, 120])
def test_no_number_is_broken_or_cut(width, monkeypatch, capsys):
    import rich.console

    from pipelines.utils.console import table

    monkeypatch.setattr(rich.console, "Console", lambda **options: Console(width=width, **options))
    head, rows = overview(FAMILY, short_names(FAMILY))
    table(head, rows, numbers=True)
    told = capsys.readouterr().out
    assert "…" not in told and max(map(len, told.splitlines())) <= width
    assert all(value in told.split() for value in [*head[1:], *rows[0][1:], *rows[1][1:]] if value)


def test_names_are_as_short_as_they_can_be_told_apart():
    assert short_names(FAMILY) == ["show-attend-and-tell-hard", "neuraltalk"]
    assert short_names([evaluated("a"), evaluated("a", beam=5)]) == ["a, beam 3", "a, beam 5"]
    assert short_names([evaluated("a"), evaluated("a", split="test")]) == ["a, dev", "a, test"]
    assert common([evaluated("a"), evaluated("b", split="test")]) == "flickr8k, 1000 images, beam 3"


def test_differences_and_intervals_are_a_row_a_model():
    one = Comparison("a", "b", 10, 0, {"bleu_4": Difference(0.012, 0.001, 0.02, 0.0001, 0.0004)})
    assert differences(["b"], [one]) == (["difference (p)", "B-4"], [["b", "+1.2 (< 0.001)"]])
    assert intervals(FAMILY, short_names(FAMILY))[1][0] == ["show-attend-and-tell-hard", "19.0 to 21.0"]


def test_markdown_keeps_what_stands_in_names():
    lines = markdown_table(["model", "B-4"], [["a|b_*c*\nd", "1.0"]], "lr")
    assert lines == ["| model | B-4 |", "| :-- | --: |", "| a\\|b\\_\\*c\\* d | 1.0 |", ""]


def test_the_rate_leaves_out_the_batch_that_compiles(monkeypatch):
    """Counted in, a compilation of twenty seconds would make a fast decoder a slow one."""
    clock = iter([20.0, 21.0, 22.0])
    monkeypatch.setattr("pipelines.inference.batch_captioning.time.monotonic", lambda: next(clock))
    rate = Rate(lambda *_: None)
    for done in (32, 64, 80):
        rate(done, 80)
    assert rate.images_a_second == 24.0
