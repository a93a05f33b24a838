"""`captioner language ...`. As in `pipelines.cli.app`, nothing heavy is imported until a command needs it."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import claimed_file, command
from pipelines.cli.options import Changes, DryRun, Out, Recipe
from pipelines.cli.probes import gradients, tasks
from pipelines.cli.train import start_training
from pipelines.utils.console import load_keras, printable

language_app = typer.Typer(help="Language models: train, sample, score and inspect.", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(help="Folder of the run, or any preset of a language model.")]
Texts = Annotated[list[str] | None, typer.Option("--text", help="A text; may be repeated.")]
File = Annotated[Path | None, typer.Option("--file", help="A text file.")]


@command(language_app)
def train(
    recipe: Recipe,
    data: Annotated[Path | None, typer.Option(help="A text file, or a folder of text files.")] = None,
    out: Out = None,
    settings: Changes = None,
    dry_run: DryRun = False,
):
    """Train a recipe of kind language. Stopped at any moment, the same command goes on."""
    start_training(recipe, settings or [], out, dry_run, {"data": data}, kind="language")


@command(language_app)
def sample(
    run: Run,
    length: Annotated[int, typer.Option(min=1, help="Characters or words to write.")] = 500,
    prompt: Annotated[str, typer.Option(help="How the text begins.")] = "",
    temperature: Annotated[
        float, typer.Option(min=0, help="Below 1: safer; 1: as learned; 0: always the likeliest.")
    ] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Sample from the likeliest words only; 0: from all.")] = 0,
    top_p: Annotated[
        float, typer.Option(min=0, max=1, help="Sample from the fewest words of this probability; 1: from all.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same text.")] = 0,
):
    """Let a model write; the text appears as it is sampled."""
    _check_preset(run)
    load_keras()
    from captioner.models.language.language_model import LanguageModel

    model = LanguageModel.from_preset(run)
    for piece in model.stream(length, prompt=prompt, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed):
        print(printable(piece, keep="\n\t"), end="", flush=True)  # what would move the cursor becomes an escape
    print(flush=True)


@command(language_app)
def score(
    run: Run,
    text: Texts = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file with a text on each line.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="scores.jsonl or .csv, with each word's share; else a table.")
    ] = None,
):
    """Score texts: log-probability and perplexity."""
    if not text and file is None:
        raise typer.BadParameter('give texts with --text "...", or a file with --file.')
    with claimed_file(output, "--output"):
        _check_preset(run)
        load_keras()
        from pipelines.tasks.language.score import score_texts

        score_texts(run, text or [], file, output)


@command(language_app, "inspect")
def look_inside(
    run: Run,
    text: Texts = None,
    file: File = None,
    data: Annotated[
        Path | None, typer.Option(help="What the model was trained on; its recipe names it by default.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("cells.html"),
    cell: Annotated[
        str | None, typer.Option(help="The cell to show, as LAYER:UNIT; by default the best one for each signal.")
    ] = None,
    characters: Annotated[int, typer.Option(min=200, help="At most that much of the text is read.")] = 60_000,
):
    """Colour a text by what single cells remember, and find the cells that follow something readable.

    Without --text and --file the text is the one that the model was validated on.
    """
    if sum(map(bool, (text, file, data))) > 1:
        raise typer.BadParameter("give one of --text, --file and --data.")
    with claimed_file(output, "--output"):
        _check_preset(run)
        load_keras()
        from pipelines.tasks.language.analysis.cell_inspection import inspect_run

        inspect_run(run, text or [], file, output, cell, characters, data)


command(language_app)(gradients)
command(language_app)(tasks)


def _check_preset(run: Path) -> None:
    """Refuses what is no language model before Keras is loaded, which takes seconds."""
    from captioner.presets.folder import read_preset
    from captioner.settings import LanguageModelSettings

    read_preset(run, kinds={"language_model": LanguageModelSettings})
