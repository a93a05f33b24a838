"""The one-way house: who may import whom."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIGHT = [
    "captioner",
    *(f"captioner.{room}" for room in ("text", "metrics", "images", "settings")),
    "pipelines.recipes.recipe",
    "pipelines.inference.models",
]


def lint(folder):
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


def test_rooms_import_only_what_their_contract_allows():
    """The contracts stand in pyproject.toml. A cycle between two rooms is how houses fall."""
    ran = lint(ROOT)
    assert ran.returncode == 0, f"Move the shared code down, or pass it in:\n{ran.stdout[-3000:]}{ran.stderr}"


FORBIDDEN = [  # module, the import that is added to it, and the contract that this breaks
    ("captioner/text/ptb.py", "pipelines.utils.threads", "pipelines imports captioner, never the reverse"),
    ("captioner/cells/gru.py", "tensorflow", "captioner never imports TensorFlow"),
    ("captioner/text/ptb.py", "keras", "text, metrics and images load without Keras"),
    ("captioner/runtime/search.py", "keras", "exported models run without Keras"),
    ("captioner/cells/gru.py", "captioner.decoding.beam", "a room of captioner imports only the rooms below it"),
    ("captioner/models/base/compatibility.py", "captioner.models.language", "a room of captioner.models imports only"),
    ("pipelines/utils/threads.py", "pipelines.cli.app", "a room of pipelines imports only the rooms below it"),
    ("captioner/cells/base.py", "captioner.cells.gru", "no file imports another in a circle"),
]


def test_a_forbidden_import_breaks_its_contract(tmp_path):
    """A contract whose rooms were renamed away checks nothing and is kept for ever."""
    for package in ("captioner", "pipelines"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.h5", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, name, _ in FORBIDDEN:
        with open(tmp_path / module, "a", encoding="utf-8") as file:
            file.write(f"\nimport {name}\n")
    ran = lint(tmp_path)
    assert ran.returncode == 1, ran.stdout[-2000:] + ran.stderr
    for *_, contract in FORBIDDEN:
        assert re.search(rf"^{re.escape(contract)}.* BROKEN", ran.stdout, re.MULTILINE), f"{contract}: not broken"


@pytest.mark.parametrize("module", LIGHT)
def test_light_rooms_load_no_keras(module):
    """Scoring captions or reading a vocabulary would take seconds and half a gigabyte."""
    code = f"import sys, {module}; print(*({{'keras', 'tensorflow', 'jax', 'torch'}} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_only_pipelines_know_tensorflow():
    """Else the models run on one backend only."""
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "captioner").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line.split("#")[0].strip().startswith(("import tensorflow", "from tensorflow"))
    ]
    assert not wrong


def test_every_public_name_is_there():
    import captioner

    assert all(getattr(captioner, name) is not None for name in captioner.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Captionr'"):
        _ = captioner.Captionr


@pytest.mark.parametrize(
    ("path", "most"),
    [("An image file to a caption line", 8), ("A recipe to a preset", 24), ("Predictions to a report", 12)],
)
def test_the_call_paths_are_those_of_the_map(path, most):
    """A map that names files which are gone sends a newcomer astray; a path that grows is one that nobody follows."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = text.split(f"{path}:\n\n")[1].split("\n\n")[0]
    named = re.findall(r"`((?:captioner|pipelines)/[a-z_/]+\.py)`", steps)
    assert named and not [name for name in named if not (ROOT / name).is_file()]
    assert len(named) - 1 <= most
