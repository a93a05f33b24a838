"""Registries: names are found, described without imports, and misspelled ones answered."""

import importlib
import subprocess
import sys

import pytest

from captioner.errors import UserError
from captioner.registry import Registry

TABLES = [
    "captioner.cells:CELLS",
    "captioner.encoders:ENCODERS",
    "captioner.decoders:DECODERS",
    "captioner.metrics:METRICS",
    "captioner.text:TOKENIZERS",
    "pipelines.data.datasets:DATASETS",
]
EVERY = [
    (registry, name)
    for module, _, table in (path.partition(":") for path in TABLES)
    for registry in [getattr(importlib.import_module(module), table)]
    for name in registry.names()
]


@pytest.mark.parametrize(("registry", "name"), EVERY, ids=lambda value: getattr(value, "kind", value))
def test_every_name_leads_to_something_that_is_described(registry, name):
    """A line of a table that leads nowhere is found by the user who picks it."""
    assert registry.get(name) is not None
    summary = registry.summary(name)
    assert summary and "\n" not in summary, f"`captioner list` would show nothing beside {name}"
    assert summary == (registry.get(name).__doc__ or summary).strip().split("\n")[0]


def test_an_unknown_name_is_answered_with_the_known_ones():
    registry = Registry("cell", {"lstm": "captioner.cells.lstm:LSTMCell", "gru": "nowhere:GRU"})
    with pytest.raises(
        UserError, match=r"There is no cell called 'lstn'\. Did you mean `lstm`\? Available: lstm, gru\."
    ):
        registry.get("lstn")
    with pytest.raises(UserError, match="no cell called 'os:system'"):
        registry.summary("os:system")
    assert "lstm" in registry and "lstn" not in registry


def test_tables_and_summaries_need_no_keras():
    """`captioner --help` and `captioner list` would take seconds."""
    code = (
        "import importlib, sys\n"
        f"for path in {TABLES!r}:\n"
        "    module, _, table = path.partition(':')\n"
        "    registry = getattr(importlib.import_module(module), table)\n"
        "    [registry.summary(name) for name in registry.names()]\n"
        "heavy = {'keras', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_table_is_not_changed_from_outside():
    table = {"a": "os"}
    registry = Registry("thing", table)
    table["b"] = "sys"
    assert registry.names() == ["a"]
