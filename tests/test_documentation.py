"""The documentation is whole: its tables have everything that the program has, and every page is built."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from captioner.presets.installed import installed_models
from docs import pages
from pipelines.cli.app import app
from pipelines.recipes.recipe import recipe_names

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md") if path.name != "tasks.md")


def written(name):
    return "\n".join(pages.TABLES[name]())


def in_navigation(entries):
    for entry in entries:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else in_navigation(target)


def test_every_page_is_in_the_navigation_once():
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(in_navigation(navigation)) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_title_and_nothing_left_to_replace(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for kind, name in re.findall(r"<!-- (\w+): (\S+) -->", text):
        assert (ROOT / name).is_file() if kind == "include" else name in pages.TABLES
    if "<!-- table: settings -->" not in text:  # which loads Keras and has a test of its own
        text = pages.page_text(text, page)
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_recipes_of_all_kinds_are_there():
    text = written("recipes")
    assert [name for name in recipe_names() if f"\n### {name}\n" not in text] == []


def test_all_commands_are_there():
    command = typer.main.get_command(app)
    names = [name for name, one in command.commands.items() if not hasattr(one, "commands")]
    text = written("commands")
    assert [name for name in names if f"\n## captioner {name}\n" not in text] == []
    assert "\n## captioner language train\n" in text and "`--num-beams" in text


def test_all_settings_are_there():
    text = written("settings")
    for setting in ("`decoder.units`", "`training.epochs`", "`search.num_beams`", "`decoder.cell_options.activation`"):
        assert setting in text


def test_all_models_are_there():
    text = written("models")
    assert [name for name in installed_models() if f"\n## {name}\n" not in text] == []


def test_figures_of_recipes_are_those_of_the_results():
    """Wrong if a figure was measured again and written in one place only."""
    results = (DOCS / "results.md").read_text(encoding="utf-8")
    with pages.MEASURED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["recipe"] for row in rows} <= set(recipe_names())
    for row in rows:
        for figure in re.findall(r"(?<![\w-])\d+(?:\.\d+)?", " ".join(row.values()).replace(row["recipe"], "")):
            assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d]|\.\d)", results), f"{row['recipe']}: {figure}"


def test_links_lead_to_pages():
    text = "[a](../captioner/presets/models/photos/MODEL_CARD.md) [b](../captioner/errors.py) [c](results.md#speed)"
    assert pages.turn_links(text, "docs", "results.md") == "[a](reference/models.md#photos) b [c](results.md#speed)"
    fence = "```\n[a](../CHANGELOG.md)\n```"
    assert pages.turn_links(fence, "docs", "results.md") == fence


def test_signs_in_tables_mean_nothing():
    row = list(pages.table(["a"], [["x|y <z> `c_d|e` [f]"]], plain=[0]))[-1]
    assert row == r"| x\|y &lt;z> `c_d\|e` \[f\] |"


def test_docstrings_become_markdown():
    pytest.importorskip("griffe", reason="make docs installs it")
    from docs.docstrings import markdown

    text = "A cell.\n\nCall arguments:\n    inputs: `(B, F)`.\n\nExample:\n\n    cell(x)\n\n>>> 1 + 1\n2\n"
    assert markdown(text) == (
        "A cell.\n\n**Call arguments**\n\n- `inputs`: `(B, F)`.\n\n**Example**\n\n```python\ncell(x)\n```\n\n"
        "```pycon\n>>> 1 + 1\n2\n```"
    )


@pytest.mark.long
def test_the_site_is_built_without_a_warning_and_asks_no_other_host(tmp_path):
    pytest.importorskip("mkdocs", reason="make docs installs it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for page in tmp_path.glob("**/*.html"):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"([^\"]+)", html)
        loaded += re.findall(r"<link[^>]*\shref=\"([^\"]+)", html)
        assert not [address for address in loaded if re.match(r"(?:[a-z]+:)?//", address)], page.name
        assert "<!-- table" not in html and "<!-- include" not in html
