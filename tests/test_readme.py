"""What the pages for people say is so: commands parse, settings and files exist, nothing leads elsewhere."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.recipes.recipe import load_recipe

ROOT = Path(__file__).parents[1]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"),
    *sorted(page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/**/*.md")),
]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def code_of(page):
    """Lines of code blocks, and inline code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    yield from (line for block in blocks for line in block.replace("\\\n", " ").splitlines())
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from (code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", prose))


def commands(program):
    """`(page, command)` for each that is written with arguments."""
    lines = [(page, line.removeprefix("$ ").removeprefix(".venv/bin/")) for page in PAGES for line in code_of(page)]
    return sorted({(page, line) for page, line in lines if re.match(rf"{program} [a-z-]", line)})


def parsed(words):
    """`(name, values)` of a command line, as the program itself understands it."""
    command = typer.main.get_command(app)
    words = [__file__ if word == "FILE" else word for word in words]  # files that are named have to be there
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, f"there is no command `{name}`"
        command = command.commands[name]
    return command.name, command.make_context(command.name, words).params


def test_there_are_commands_to_check():
    assert len(commands("captioner")) > 15 and len(commands("make")) > 5


# The commands of the troubleshooting page go wrong; tests/test_documentation.py runs them.
@pytest.mark.parametrize(
    ("page", "line"), [case for case in commands("captioner") if not case[0].endswith("troubleshooting.md")]
)
def test_a_command_parses_and_its_settings_exist(page, line):
    words = shlex.split(line, comments=True)[1:]
    if "decoder.unit=" in line:  # which is shown for its message
        return
    if len(words) == 1 and words[0].startswith("--"):
        assert words[0] in CliRunner().invoke(app, ["--help"], terminal_width=200).output
        return
    if len(words) == 1 and not line.startswith("captioner list"):
        assert words[0] in typer.main.get_command(app).commands  # only the name is told
        return
    name, values = parsed(words)
    if name == "train" and not values["recipe"].endswith(".toml"):
        load_recipe(values["recipe"], values["settings"] or [])


@pytest.mark.parametrize(("page", "line"), commands("make"))
def test_a_make_command_exists(page, line):
    for word in shlex.split(line, comments=True)[1:]:
        variable, equals, _ = word.partition("=")
        if equals:
            assert re.search(rf"^{variable} \?=", MAKEFILE, re.MULTILINE), f"the Makefile has no setting {variable}"
        else:
            assert re.search(rf"^{word}:.* ## ", MAKEFILE, re.MULTILINE), f"the Makefile has no target {word}"


def test_a_wrong_option_would_be_found():
    with pytest.raises(Exception, match="No such option"):
        parsed(["caption", "photos", "--model", "run", "--beams", "3"])


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|#", target):
            assert (ROOT / page).parent.joinpath(target.partition("#")[0]).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    for code in code_of(page):
        for name in re.findall(r"(?:captioner|pipelines|tests|benchmarks|docs)/[\w/]+\.(?:py|toml|md|png)\b", code):
            assert (ROOT / name).exists(), f"{page} names {name}"


@pytest.mark.parametrize("page", [*PAGES, "Makefile", "constraints.txt", ".pre-commit-config.yaml"])
def test_no_paths_of_one_machine_and_no_registries(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    absolute = re.findall(r"(?<![\w.~])/(?:home|root|work|workspace|mnt|opt|srv|tmp|usr|var|Users)/\S*", text)
    assert not absolute, f"{page} names {absolute}"
    assert not re.search(r"\b[A-Z]:\\", text)
    assert not re.search(r"pypi|pythonhosted|index-url|npmjs|anaconda\.org|conda-forge", text, re.IGNORECASE)


def test_the_picture_is_small():
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert pictures and all(path.stat().st_size < 150_000 for path in pictures)
