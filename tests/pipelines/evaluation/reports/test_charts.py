"""Curves of a training: losses on one scale, each score on its own."""

from pipelines.evaluation.reports.charts import caption_lengths, training_curves, training_panels


def test_losses_share_a_panel_and_each_score_has_its_own():
    """CIDEr-D goes up to ten: beside it all other curves were flat."""
    columns = {
        "epoch": [1, 2],
        "loss": [3.0, 2.0],
        "dev_loss": [None, 2.5],
        "bleu_4": [0.1, 0.2],
        "cider_d": [0.5, 5.0],
    }
    panels = {panel.title: panel.lines for panel in training_panels(columns)}
    assert panels == {
        "Loss": {"training": [3.0, 2.0], "development": [None, 2.5]},
        "BLEU-4": {"development": [10.0, 20.0]},
        "CIDEr-D": {"development": [50.0, 500.0]},
    }


def test_a_run_of_before_has_no_development_loss_and_is_drawn():
    (panel,) = training_panels({"loss": [3.0, 2.0], "dev_loss": [None, None]})
    assert panel.lines == {"training": [3.0, 2.0]}


def test_a_loss_that_is_no_cross_entropy_is_not_drawn_beside_one():
    """The loss of self-critical learning lies about zero."""
    titles = [panel.title for panel in training_panels({"loss": [0.1, -0.1], "dev_cross_entropy": [3.0, 3.1]})]
    assert titles == ["Loss", "Cross-entropy, nats a word"]


def test_charts_take_the_colours_of_the_page_and_say_what_they_show(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,loss,dev_loss\n1,3.5,3.25\n2,2,2.5\n")
    (chart,) = training_curves(tmp_path / "metrics.csv")
    assert chart.description == "Loss by epoch: training from 3.5 to 2, development from 3.25 to 2.5"
    assert "var(--accent)" in chart.svg and "var(--second)" in chart.svg and "currentColor" in chart.svg
    assert "#0102" not in chart.svg
    (tmp_path / "metrics.csv").write_text("epoch,loss\n1,3.5\n")
    assert not training_curves(tmp_path / "metrics.csv"), "one epoch makes no curve"
    assert "3.0 and 2.5 on average" in caption_lengths([3, 3], [2, 3]).description
