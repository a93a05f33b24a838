"""Runs the notebooks as they are, or with other parameters.

python -m tests.run_notebooks build/notebooks      copies with their results go there
python -m tests.run_notebooks build/toy --toy      the same at toy size, each again only after a change
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# What each notebook is run with in tests and for the documentation: as small as will go.
TOY = {
    "01_quickstart": {
        "scenes": 24,
        "epochs": 1,
        "settings": [
            "encoder.options.channels=16",
            "decoder.units=16",
            "decoder.embedding_size=8",
            "decoder.attention_size=8",
            "text.max_length=8",
            "search.max_words=6",
            "training.images_per_batch=8",
            "training.captions_per_image=1",
            "training.warmup_steps=1",
        ],
    },
    "02_recurrent_networks": {"length": 12, "units": 8, "steps": 2, "cells": ["rnn", "lstm"]},
    "03_language_models": {
        "characters": 30_000,
        "epochs": 1,
        "read": 600,
        "settings": [
            "model.units=8",
            "model.embedding_size=4",
            "training.rows=8",
            "training.chunk=16",
            "training.sample_length=20",
            "text.minimum_count=1",
        ],
    },
    "04_visual_questions": {
        "scenes": 24,
        "epochs": 2,
        "settings": [
            "encoder.options.channels=16",
            "encoder.image_size=32",
            "question.units=8",
            "question.embedding_size=4",
            "fusion.size=8",
            "fusion.options.attention_size=8",
            "answer.hidden=[]",
            "training.warmup_steps=1",
        ],
    },
}


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
        cell.metadata.tags = ["toy"]
        notebook.cells.insert(parameters_at(notebook) + 1, cell)
    # So that a checkout that is not installed is found, too.
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    client = NotebookClient(notebook, timeout=seconds, resources={"metadata": {"path": str(path.parent)}})
    return client.execute(env=environment)


def parameters_at(notebook) -> int:
    """The number of the cell with the tag `parameters`."""
    return next(number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))


def main(folder: Path, toy: bool) -> None:
    """Runs all notebooks and writes copies with their results; at toy size those that are newer than their copy."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        copy = folder / path.name
        if toy and copy.exists() and copy.stat().st_mtime > path.stat().st_mtime:
            continue
        print(f"Running {path.name}", flush=True)
        with tempfile.TemporaryDirectory() as runs:
            parameters = {**TOY[path.stem], "folder": runs} if toy else None
            text = nbformat.writes(run_notebook(path, parameters))
        copy.write_text(text.replace(runs, "runs"), encoding="utf-8")
        print(f"    {copy}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), toy="--toy" in sys.argv)
