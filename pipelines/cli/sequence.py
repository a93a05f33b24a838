"""`captioner sequence`: use a network over sequences, and compare shared weights with weights for each position."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import command
from pipelines.utils.console import load_keras, log, table

app = typer.Typer(help="Label, classify, translate and describe with a trained model.", no_args_is_help=True)


@command(app)
def predict(
    texts: Annotated[
        list[str], typer.Argument(help="Texts; facts such as count=1; clips (folders of numbered images, GIFs).")
    ],
    model: Annotated[Path, typer.Option(help="Folder of the run, or any preset.")],
    num_beams: Annotated[int | None, typer.Option("--num-beams", min=1, help="Where a sentence is written.")] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Also the mean log-probability, first.")] = False,
):
    """Print the prediction for each text: a label, a tag for each word, a translation, a sentence."""
    from captioner.models.sequences.settings import SequenceSettings
    from captioner.presets.folder import read_preset

    read_preset(model, kinds={"sequence": SequenceSettings})  # before Keras, which takes seconds
    load_keras()
    from captioner.models.sequences.model import SequenceModel

    for prediction in SequenceModel.from_preset(model).predict(texts, num_beams=num_beams):
        log(f"{prediction.score:.4f}\t{prediction.text}" if scores else prediction.text)


@command(app)
def sharing(
    cell: Annotated[str, typer.Option(help="See `captioner list cells`.")] = "lstm",
    units: Annotated[int, typer.Option(min=1, help="Size of the state.")] = 32,
    most_words: Annotated[int, typer.Option(min=5, max=20, help="Longest caption to learn from.")] = 10,
    captions: Annotated[int, typer.Option(min=50, help="Captions to learn from.")] = 400,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the captions.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 0,
):
    """Learn from short sentences, test on longer ones: weights shared over time, or one set for each position."""
    load_keras()
    from pipelines.tasks.sequences.sharing import compare_sharing, head_and_rows

    comparison = compare_sharing(cell, units, most_words, captions, epochs, seed, log)
    learned = f"{comparison.captions:,} captions of at most {most_words} words"
    log(f"Words tagged rightly (x 100) after learning from {learned}:")
    table(*head_and_rows(comparison))
