"""The command line. Nothing heavy is imported until a command needs it, so that `--help` answers at once.

Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but some inputs were skipped and are listed; 130 stopped
by Ctrl-C.
"""

import sys
from typing import Annotated

import typer

from captioner import __version__
from pipelines.cli.ask import ask
from pipelines.cli.average import average
from pipelines.cli.calibrate import calibrate
from pipelines.cli.caption import caption
from pipelines.cli.check import check
from pipelines.cli.command import command, fail, sentence, stop
from pipelines.cli.compare import compare
from pipelines.cli.data import clips, convert, shapes
from pipelines.cli.evaluate import evaluate
from pipelines.cli.export import export
from pipelines.cli.features import features
from pipelines.cli.language import language_app
from pipelines.cli.list_names import list_names
from pipelines.cli.merge import merge
from pipelines.cli.process import flush_output, prepare
from pipelines.cli.retrieval import rank
from pipelines.cli.score import score
from pipelines.cli.sequence import app as sequence_app
from pipelines.cli.serve import serve
from pipelines.cli.stitch import stitch
from pipelines.cli.train import train

app = typer.Typer(
    name="captioner",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="Make the data that comes with the program, or write data in another format.", no_args_is_help=True
)
app.add_typer(data_app, name="data")
app.add_typer(language_app, name="language")
app.add_typer(sequence_app, name="sequence")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"captioner {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
):
    """Recurrent networks that look at pictures and write about them."""


for function in (
    train,
    caption,
    ask,
    merge,
    evaluate,
    score,
    rank,
    average,
    calibrate,
    stitch,
    export,
    serve,
    compare,
    features,
    check,
):
    command(app)(function)
command(app, "list")(list_names)
for function in (shapes, clips, convert):
    command(data_app)(function)


def main():
    """What the console script `captioner` runs."""
    prepare()
    try:
        try:
            app(prog_name="captioner")  # also where Python was given the name of a module
        finally:
            flush_output()
    except KeyboardInterrupt:
        stop("Stopped.")
    except OSError as error:
        sys.exit(fail(sentence(error)))


if __name__ == "__main__":
    main()
