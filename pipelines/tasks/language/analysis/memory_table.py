"""`captioner language tasks`: the outcomes of all cells on the memory tasks, as one table that grows cell by cell."""

import csv
import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd
import tensorflow as tf

from captioner.errors import UserError, alternatives
from captioner.files import atomic_write, locked_file
from captioner.text.files import read_text
from pipelines.tasks.language.analysis.memory_tasks import MAX_COUNT, TASKS, WAIT, Budget, Outcome, learn
from pipelines.utils.progress import Reporter

COLUMNS = (*(field.name for field in fields(Outcome)), "settings")
HEADS = {
    "adding": "adding two of 50 numbers: squared error",
    "copy": f"a letter after {WAIT} blanks: accuracy",
    "count": f"counting up to {MAX_COUNT} ones: accuracy",
}


def run_tasks(
    cells: Sequence[str],
    tasks: Sequence[str],
    budget: Budget,
    output: Path | None,
    reporter: Reporter,
    xla: bool = True,
) -> list[Outcome]:
    """Trains every cell on every task, one after the other, and writes the table after each.

    Args:
        output: a .csv with every outcome, or a .md with the table for people, which gets a .csv of the same name
            beside it. What is in the .csv with the same settings is not trained again.

    Raises:
        UserError: there is no such task, or the file is of another kind or damaged.
    """
    for task in tasks:
        if task not in TASKS:
            raise UserError(f"There is no task called {task!r}.{alternatives(task, TASKS)}")
    tf.get_logger().setLevel("ERROR")  # each network is compiled once, which TensorFlow warns of when there are many
    with locked_file(output.with_suffix(".csv"), follow_link=_is_table(output)) if output else nullcontext():
        known = read_outcomes(output, budget) if output else {}
        pairs = [(task, cell) for cell in cells for task in tasks]
        for number, (task, cell) in enumerate(pairs, start=1):
            if (task, cell) in known:
                reporter.log(f"{cell}, {task}: {in_words(known[task, cell])}, known from before")
                continue
            with reporter.progress(f"{number}/{len(pairs)} {cell}, {task}") as advance:

                def on_score(step, score, advance=advance):
                    advance(step, budget.steps, f"score {score:.4f}")

                known[task, cell], _ = learn(TASKS[task], cell, budget, on_score, xla)
            reporter.log(f"{cell}, {task}: {in_words(known[task, cell])} in {known[task, cell].seconds:.0f} s")
            if output:
                write_outcomes(output, known, budget)
        if output:
            write_outcomes(output, known, budget)
    return [known[pair] for pair in pairs]


def _is_table(path: Path) -> bool:
    """Whether the user named the table itself, and not the page that it is written for."""
    return path.suffix == ".csv"


def in_words(outcome: Outcome) -> str:
    """
    >>> in_words(Outcome("adding", "lstm", 0.00712, True, 1200, 17000, 30.0))
    'solved in 1,200 steps (0.0071)'
    >>> in_words(Outcome("copy", "output_rnn", 0.125, False, 4000, 2000, 30.0))
    'not in 4,000 steps (0.125)'
    """
    digits = 3 if TASKS[outcome.task].classes else 4
    return f"{'solved' if outcome.solved else 'not'} in {outcome.steps:,} steps ({outcome.score:.{digits}f})"


def head_and_rows(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[str]]]:
    """One row a cell, one column a task."""
    tasks = [task for task in TASKS if any(outcome.task == task for outcome in outcomes)]
    texts = {(outcome.cell, outcome.task): in_words(outcome) for outcome in outcomes}
    cells = dict.fromkeys(outcome.cell for outcome in outcomes)
    rows = [[cell, *(texts.get((cell, task), "") for task in tasks)] for cell in cells]
    return ["cell", *(HEADS[task] for task in tasks)], rows


def notes(budget: Budget) -> list[str]:
    """What a reader of the table has to know."""
    penalty = f" The gradient penalty has a strength of {budget.gradient_penalty:g}." if budget.gradient_penalty else ""
    own_rates = ", ".join(f"{task.name} {task.learning_rate:g}" for task in TASKS.values())
    rates = f"{budget.learning_rate:g}" if budget.learning_rate else own_rates
    adding, copy, count = (TASKS[name] for name in ("adding", "copy", "count"))
    return [
        f"Solved is a squared error below {adding.solved:g} (always answering 1: {adding.chance:.3f}), or an accuracy "
        f"of at least {copy.solved:g} at the last step (guessing: {copy.chance:.3f} for letters, {count.chance:.3f} "
        f"for counts), on 2,000 new sequences. Every {budget.check_every} steps there is a look at other sequences; "
        "training stops when these are solved.",
        f"Every cell gets {budget.units} units, the same sequences, {budget.batch} a step, at most {budget.steps:,} "
        f"steps of Adam (learning rate {rates}), gradients clipped to a norm of {budget.clip_norm:g}; seed "
        f"{budget.seed}.{penalty}",
        "output_rnn cannot copy: its only memory is its output, which has to be blank while it waits, so the letter is "
        "gone when it is asked for. It can count, because there the output is what has to be remembered. Its outputs "
        "are the answers themselves; where there is a target at each step it learns with teacher forcing, and it is "
        "always tested running free.",
    ]


def write_outcomes(path: Path, known: dict[tuple[str, str], Outcome], budget: Budget) -> None:
    """Writes the .csv, and the table if `path` is a .md."""
    rounded = [
        {**asdict(outcome), "score": f"{outcome.score:.6g}", "seconds": f"{outcome.seconds:.1f}"}
        for outcome in known.values()
    ]
    frame = pd.DataFrame(rounded, columns=COLUMNS).assign(settings=budget.settings())
    atomic_write(path.with_suffix(".csv"), frame.to_csv(index=False, lineterminator="\n"), follow_link=_is_table(path))
    if path.suffix == ".md":
        head, rows = head_and_rows(list(known.values()))
        lines = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]
        atomic_write(path, "\n\n".join(["\n".join(lines), *notes(budget)]) + "\n", follow_link=True)


def read_outcomes(path: Path, budget: Budget) -> dict[tuple[str, str], Outcome]:
    """The outcomes of an earlier run with the same settings.

    Raises:
        UserError: the file is no .md or .csv, a line of it is damaged, or its results have other settings.
    """
    if path.suffix not in (".md", ".csv"):
        raise UserError(f"{path}: the table is written as .md or .csv; give a name that ends so.")
    page, path, outcomes = path, path.with_suffix(".csv"), {}
    if not path.is_file():
        if page.exists():
            raise UserError(
                f"{page} exists already and was not begun by this command ({path.name} is not beside it). Nothing was "
                "changed: give another --output, or move that file away."
            )
        return outcomes
    table = csv.DictReader(io.StringIO(read_text(path, errors="surrogateescape")))
    for row in table:
        try:
            settings = row.pop("settings")
            outcome = Outcome(
                row["task"], row["cell"], float(row["score"]), {"True": True, "False": False}[row["solved"]],
                int(row["steps"]), int(row["parameters"]), float(row["seconds"]),
            )  # fmt: skip
        except (KeyError, ValueError, TypeError):
            raise UserError(
                f"{path}:{table.line_num}: this is no line of a table of tasks. Give another --output, or delete "
                "the file."
            ) from None
        if settings != budget.settings():
            raise UserError(
                f"{path} holds results with other settings ({settings}) than wanted here ({budget.settings()}). "
                "Give another --output, or delete the file."
            )
        outcomes[outcome.task, outcome.cell] = outcome
    return outcomes
