"""The documentation is whole: its tables have everything that the program has, and every page is built."""

import csv
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from PIL import Image
from typer.testing import CliRunner

from captioner import score_captions
from captioner.metrics.meteor.metric import Meteor
from captioner.metrics.meteor.resources import load_resources
from captioner.metrics.ngrams import References
from captioner.presets.installed import installed_models
from docs import pages
from pipelines.cli.app import app
from pipelines.recipes.recipe import as_toml, load_recipe, recipe_names
from tests.support_meteor import TABLES, write_meteor

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
        assert (ROOT / name).is_file() if kind in ("include", "notebook") else name in pages.TABLES
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


def shown_messages():
    """`(command, message)` of the blocks of the troubleshooting page that show one."""
    text = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^```\n\$ (captioner .*)\n((?:.*\n)*?)```", text, re.MULTILINE)


@pytest.fixture
def troubled(tmp_path, monkeypatch):
    """A folder in which the commands of the troubleshooting page go wrong."""
    for table in ("mydata/captions.csv", "other/captions.csv"):
        (tmp_path / table).parent.mkdir()
    (tmp_path / "mydata/captions.csv").write_text("name,caption\na.jpg,A dog.\n", encoding="utf-8")
    (tmp_path / "other/captions.csv").write_text("image,caption\nmissing.jpg,A dog.\n", encoding="utf-8")
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "dog.jpg")
    (tmp_path / "runs/small").mkdir(parents=True)
    recipe = load_recipe("shapes", ["decoder.units=64"])
    (tmp_path / "runs/small/recipe.toml").write_text(as_toml(recipe), encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("command", "message"), shown_messages())
def test_messages_are_what_the_program_says(troubled, command, message):
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 1
    assert " ".join(message.split()) in " ".join(result.output.split())


def test_other_messages_are_in_the_program():
    text = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    quotes = re.findall(r"^> (.*)$", text, re.MULTILINE)
    sources = [
        path.read_text(encoding="utf-8")
        for package in ("captioner", "pipelines")
        for path in (ROOT / package).rglob("*.py")
    ]
    assert len(shown_messages()) + len(quotes) >= 15
    assert [quote for quote in quotes if not any(quote in source for source in sources)] == []


def test_scores_by_hand_are_those_of_the_program(tmp_path):
    """Wrong if a number or fraction on the page is: each is computed, and compared with the metrics."""
    text = (DOCS / "concepts" / "metrics.md").read_text(encoding="utf-8")
    values = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1].replace("print(", "str("), values)
    image, everything = "dog.jpg", values["report"].per_caption["dog.jpg"]
    alone = score_captions({image: values["captions"][image]}, {image: values["references"][image]}).scores
    steps = dict(re.findall(r"^(BLEU-\d) = (.*?) += [\d.]+$", text, re.MULTILINE))
    shown = {name: float(value) for name, value in re.findall(r"^(BLEU-\d|METEOR) = .*= ([\d.]+)$", text, re.MULTILINE)}
    assert set(steps) == {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"}
    for name, step in steps.items():
        assert eval(step.replace("^", "**")) == pytest.approx(alone[name.lower().replace("-", "_")], abs=1e-6)
        assert shown[name] == pytest.approx(alone[name.lower().replace("-", "_")], abs=5e-4)
    words = {**TABLES, "function/english.words": TABLES["function/english.words"] + "over\n"}
    meteor = Meteor(load_resources(*write_meteor(tmp_path, words)))
    rows = meteor.rows(
        [values["captions"][image].split()], References([[r.split() for r in values["references"][image]]])
    )
    assert shown["METEOR"] == pytest.approx(meteor.combine(rows)["meteor"], abs=5e-4)
    cosines = re.findall(
        r"^\| \d \| (\d) / sqrt\((\d) \* (\d)\) = ([\d.]+) \|(?: (\d) / sqrt\((\d) \* (\d)\))?", text, re.M
    )
    means = []
    for matches, first, second, value, *other in cosines:
        cosine = int(matches) / (int(first) * int(second)) ** 0.5
        assert cosine == pytest.approx(float(value), abs=5e-4)
        far = int(other[0]) / (int(other[1]) * int(other[2])) ** 0.5 if other[0] else 0
        means.append((cosine, far))
    cider = 10 * sum(map(sum, means)) / 8
    assert cider == pytest.approx(everything["cider"]) and f"column: {cider:.3f}" in text
    shorter = math.exp(-1 / 72)
    cider_d = 10 * sum(near + shorter * far for near, far in means) / 8
    assert cider_d == pytest.approx(everything["cider_d"]) and f"CIDEr-D is {cider_d:.3f}" in text


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
