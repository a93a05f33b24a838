"""The one-way house: who may import whom."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIGHT = [
    "captioner",
    *(f"captioner.{room}" for room in ("text", "metrics", "images", "settings")),
    "pipelines.recipes.recipe",
]


def test_rooms_import_only_what_their_contract_allows():
    """The contracts stand in pyproject.toml. A cycle between two rooms is how houses fall."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, f"Move the shared code up, or pass it in:\n{ran.stdout[-3000:]}{ran.stderr}"


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
