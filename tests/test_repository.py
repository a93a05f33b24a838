"""What is in the repository: no large files, exact pins, and a clean way in."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.!+]*)")
LIMIT = 1_000_000  # bytes
# What is installed with the package: models, and the weights of a frozen network that works without a download.
WEIGHTS = (ROOT / "captioner" / "presets" / "models", ROOT / "captioner" / "encoders" / "weights")


def tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def is_weights(path):
    return any(folder in path.parents for folder in WEIGHTS)


def test_trained_models_are_small():
    """A model is committed in half precision and without an optimizer, or it does not belong here."""
    assert sum(path.stat().st_size for path in tracked() if is_weights(path)) < 55_000_000


def test_no_file_is_large():
    files = [path for path in tracked() if path.is_file() and not is_weights(path)]
    large = [path.name for path in files if path.stat().st_size > LIMIT]
    assert not large, f"larger than {LIMIT:,} bytes: {large}"


def test_nothing_that_was_made_is_committed():
    files = [path for path in tracked() if not is_weights(path)]
    files = [path for path in files if path.parent.name != "golden"]  # features with the captions that they gave
    made = [path for path in files if path.suffix in {".npy", ".npz", ".h5", ".keras", ".pyc", ".pkl", ".log"}]
    assert not made


def test_constraints_are_names_and_versions_only():
    assert pins()
    assert not [line for line in pins() if not PIN.fullmatch(line)]


def test_each_package_is_pinned_once():
    names = [plain(PIN.fullmatch(line)[1]) for line in pins()]
    assert len(names) == len(set(names))


def test_every_library_of_the_project_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {plain(re.match(r"[A-Za-z0-9._-]+", requirement)[0]) for requirement in wanted} - {"captioner"}
    assert names <= {plain(PIN.fullmatch(line)[1]) for line in pins()}


def test_ci_runs_what_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in script and script.rstrip().endswith("make lint test")


def test_the_citation_names_the_version():
    from captioner import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_hooks_fetch_nothing():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
    assert set(re.findall(r"language: (\S+)", hooks)) == {"system"}


def test_help_lists_every_command_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert set(listed) == set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
