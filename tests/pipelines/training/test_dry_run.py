"""What a training would cost, for every kind of recipe, and that finding it out leaves nothing behind."""

import pytest
from rich.console import Console

from pipelines.recipes.recipe import load_recipe
from pipelines.recipes.task_registry import EXPERIMENTS
from pipelines.training.dry_run import dry_run
from pipelines.utils.progress import Reporter

pytestmark = pytest.mark.usefixtures("eager_training")

SMALL = {
    "captioner": ("shapes", "data.sizes={train=6, dev=2}", "decoder.units=4", "training.images_per_batch=2"),
    "visual_qa": ("vqa-heads", "data.sizes={train=6, dev=2}", "training.images_per_batch=2"),
    "language": (
        "language-words",
        "data.source=text",
        "data.documents=line",
        "model.units=4",
        "training.rows=2",
        "training.chunk=8",
    ),
    "sequence": ("sequence-tag", "data.sizes.train=8", "data.sizes.dev=2", "data.sizes.test=2", "reader.units=4"),
    "glimpses": ("glimpses", "data.sizes.train=40", "data.sizes.dev=2", "network.units=4", "training.batch_size=40"),
}


@pytest.mark.parametrize("kind", EXPERIMENTS.names())
def test_every_kind_of_recipe_has_a_price_and_nothing_is_written(kind, tmp_path, monkeypatch):
    """Wrong if a kind is forgotten, or if asking for the price draws data, fills a cache or begins a run."""
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("a red dog runs\n" * 40)
    name, *changes = SMALL[kind]
    recipe, console = load_recipe(name, changes), Console(record=True, width=300)
    options = {"data": text} if kind == "language" else {}
    cost = dry_run(recipe, reporter=Reporter(console), **options)
    assert [path.name for path in tmp_path.rglob("*")] == ["text.txt"]
    assert cost.parameters > 0 and cost.steps > 0 and cost.epoch_seconds > 0 and cost.epochs == recipe.training.epochs
    said = console.export_text()
    assert f"Parameters      {cost.parameters:,}" in said and "Time an epoch" in said


def test_drawn_data_counts_as_much_as_if_it_were_there(tmp_path, monkeypatch):
    """Wrong if the price of data that has to be drawn first is that of other data."""
    from pipelines.data.datasets import shapes

    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("shapes", SMALL["captioner"][1:])
    before = dry_run(recipe, reporter=Reporter(quiet=True))
    shapes.draw(tmp_path / recipe.data.directory, sizes=dict(recipe.data.sizes))
    after = dry_run(recipe, reporter=Reporter(quiet=True))
    assert (before.parameters, before.vocabulary_size, before.steps) == (
        after.parameters, after.vocabulary_size, after.steps,
    )  # fmt: skip
