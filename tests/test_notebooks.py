"""Notebooks import and show; they define nothing, hold no outputs, and run."""

import ast

import nbformat
import pytest

from tests.run_notebooks import NOTEBOOKS, TOY, parameters_at, run_notebook

# What has to be among the printed results.
RESULT = {
    "01_quickstart": "BLEU-4",
    "02_recurrent_networks": "Squared error",
    "03_language_models": "bits a character",
    "04_visual_questions": "Exact match",
}


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_each_notebook_has_a_toy_size():
    assert {path.stem for path in NOTEBOOKS} == set(TOY) == set(RESULT)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_outputs(path):
    for cell in code_cells(path):
        assert not cell.outputs and cell.execution_count is None, f"clear the outputs of {path.name}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_defines_nothing(path):
    lines = [line for cell in code_cells(path) for line in cell.source.splitlines() if not line.startswith("%")]
    for node in ast.walk(ast.parse("\n".join(lines))):
        assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda), (
            f"{path.name} defines something: move it into captioner or pipelines, where it is tested"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_toy_size_sets_what_there_is_to_set(path):
    notebook = nbformat.read(path, as_version=4)
    tree = ast.parse(notebook.cells[parameters_at(notebook)].source)
    known = {target.id for node in tree.body for target in node.targets}
    assert {*TOY[path.stem], "folder"} <= known


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    before = path.read_bytes()
    notebook = run_notebook(path, {"folder": str(tmp_path), **TOY[path.stem]}, seconds=300)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown), "no picture is shown"
    assert any(RESULT[path.stem] in output.get("text", "") for output in shown), "no result is shown"
    assert path.read_bytes() == before
