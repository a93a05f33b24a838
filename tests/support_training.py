"""Trainings at toy size: nothing is compiled, and what is logged comes back as text."""

from contextlib import contextmanager

import keras
import pytest
from rich.console import Console

from pipelines.training import loop
from pipelines.training.experiment import train
from pipelines.utils.progress import Reporter


@contextmanager
def running_eagerly():
    """Within it nothing is compiled, which takes longer than a tiny network runs."""
    compile_model = keras.Model.compile

    def compile_eagerly(model, *arguments, jit_compile=None, **options):
        compile_model(model, *arguments, run_eagerly=True, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "compile", compile_eagerly)
        yield


def without_curves(patch):
    """Epochs without a drawing of the curves, which takes longer than a tiny epoch."""
    patch.setattr(loop, "draw_curves", lambda *_: None)


def train_and_log(recipe, folder, **options):
    """Trains, and returns what was logged."""
    console = Console(record=True, width=300)
    train(recipe, folder, reporter=Reporter(console), **options)
    return console.export_text()
