"""`captioner language gradients` and `captioner language tasks`: cells without a language."""

from pathlib import Path
from typing import Annotated

import typer

from captioner.cells import CELLS
from pipelines.cli.command import new_file
from pipelines.utils.console import load_keras, log, table

Cells = Annotated[str, typer.Option(help="Names with commas between; all by default (see `captioner list cells`).")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")]


def gradients(
    cells: Cells = "",
    layers: Annotated[str, typer.Option(help="Depths, with commas between.")] = "1,2",
    length: Annotated[int, typer.Option(min=2, help="Steps.")] = 100,
    units: Annotated[int, typer.Option(min=1, help="Of each layer.")] = 64,
    singular_values: Annotated[str, typer.Option(help="Of the matrix U of `rnn`: a network each.")] = "0.5,1,1.5",
    inputs: Annotated[float, typer.Option(min=0, help="Standard deviation of the inputs, which are noise.")] = 0.1,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for gradients.csv and gradients.png.")] = Path(
        "runs/gradients"
    ),
):
    """Measure how gradients flow back through time: |dL/dh(t)| for each cell and depth.

    The loss L is at the last step only, and the networks are as they begin, before they learn.
    """
    load_keras()
    from pipelines.tasks.language.analysis import gradient_flow as flow

    for name in (flow.TABLE, flow.PICTURE):
        new_file(output / name, "--output")
    from pipelines.utils.progress import Reporter

    depths, gains = _numbers(layers, int, "--layers"), _numbers(singular_values, float, "--singular-values")
    sizes = flow.Measurement(_names(cells), depths, length, units, inputs=inputs, singular_values=gains, seed=seed)
    with Reporter().progress("Gradients") as advance:
        curves = flow.measure_gradients(sizes, advance)
    flow.write_flow(curves, output)
    table(*flow.head_and_rows(curves))
    log(
        "|dL/dh(t)| of a loss at the last step only, and what a step back multiplies it by. σ: the singular values of "
        f"the recurrent matrix. gates open: a forget bias of log({length} - 1) in place of 1."
    )
    log(f"Every step is in {output / flow.TABLE}, the picture is {output / flow.PICTURE}")


def tasks(  # noqa: PLR0913 - one parameter an option
    cells: Cells = "",
    tasks: Annotated[str, typer.Option(help="adding, copy, count: names with commas between.")] = "adding,copy,count",
    units: Annotated[int, typer.Option(min=1, help="Of every cell.")] = 64,
    steps: Annotated[int, typer.Option(min=1, help="The most a cell may learn for.")] = 4000,
    batch: Annotated[int, typer.Option(min=1, help="Sequences a step.")] = 64,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Of Adam; by default 0.003 for adding and count, 0.001 for copy.")
    ] = None,
    gradient_penalty: Annotated[
        float, typer.Option(min=0, help="Strength of the regulariser of Pascanu et al. 2013.")
    ] = 0.0,
    seed: Seed = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="tasks.md or tasks.csv. Stopped, the same command goes on from there."),
    ] = None,
):
    """Train every cell to add, to copy a letter and to count, and show which can, as one table."""
    load_keras()
    from pipelines.tasks.language.analysis.memory_table import head_and_rows, notes, run_tasks
    from pipelines.tasks.language.analysis.memory_tasks import Budget
    from pipelines.utils.progress import Reporter

    budget = Budget(units, steps, batch, learning_rate, gradient_penalty=gradient_penalty, seed=seed)
    chosen = [name.strip() for name in tasks.split(",") if name.strip()]
    outcomes = run_tasks(_names(cells), chosen, budget, output, Reporter())
    table(*head_and_rows(outcomes))
    for note in notes(budget):
        log(note)
    if output:
        log(f"The table is {output}")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()] or CELLS.names()
    for name in names:
        CELLS.path(name)
    return names


def _numbers(text: str, kind: type, option: str) -> list:
    try:
        numbers = [kind(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list like 1,2.", param_hint=option) from None
    if min(numbers) <= 0:
        raise typer.BadParameter("the numbers have to be above 0.", param_hint=option)
    return numbers
