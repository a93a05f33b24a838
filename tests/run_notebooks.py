"""Runs the notebooks as they are, or with other parameters.

python -m tests.run_notebooks build/notebooks      copies with their results go there
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run_notebook(path: Path, parameters: Mapping[str, object] | None = None, seconds: int | None = None):
    """Runs a notebook in its own folder, as an editor does.

    Args:
        path: the notebook; its file is left as it is.
        parameters: values put in place of those in the cell with the tag `parameters`.
        seconds: the most a cell may take.

    Returns:
        the notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    if parameters:
        cell = nbformat.v4.new_code_cell("\n".join(f"{name} = {value!r}" for name, value in parameters.items()))
        notebook.cells.insert(parameters_at(notebook) + 1, cell)
    # So that a checkout that is not installed is found, too.
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    client = NotebookClient(notebook, timeout=seconds, resources={"metadata": {"path": str(path.parent)}})
    return client.execute(env=environment)


def parameters_at(notebook) -> int:
    """The number of the cell with the tag `parameters`."""
    return next(number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        print(f"Running {path.name}", flush=True)
        nbformat.write(run_notebook(path), folder / path.name)
        print(f"    {folder / path.name}")
