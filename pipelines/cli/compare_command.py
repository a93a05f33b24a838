"""`captioner compare`: several evaluations side by side, then pair by pair with the first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from captioner.errors import UserError
from pipelines.evaluation.bootstrap import PAIRED_DRAWS as DRAWS
from pipelines.evaluation.bootstrap import SIGNIFICANT as SURE
from pipelines.evaluation.compare import (
    Comparison,
    Evaluated,
    compare_pair,
    comparison,
    disagreements,
    grouped,
    read_evaluations,
)
from pipelines.evaluation.reports.comparison import (
    common,
    differences,
    intervals,
    legend,
    markdown,
    overview,
    short_names,
)
from pipelines.utils.console import log, table

FEW = 3  # evaluations whose scores are told one by one; of more the table would be too wide to read


def tell_comparison(paths: Sequence[Path], as_markdown: bool = False) -> None:
    """Prints the tables.

    Raises:
        UserError: a path holds no evaluation.
    """
    tell = _tell_markdown if as_markdown else table
    evaluations = read_evaluations(paths)
    groups = grouped(evaluations)
    alone = all(len(group) == 1 for group in groups)
    for group in [evaluations] if alone else groups:
        _tell_group(group, tell)
    if alone:
        return
    for first, *others in groups:
        if len(others) < FEW:
            for other in others:
                if (compared := _compared(first, other)) is not None:
                    _tell_pair(compared, tell)
        else:
            _tell_all(first, others, tell)


def _tell_markdown(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> None:
    log(f"\n{markdown(head, rows)}\n")


def _tell_group(group: Sequence[Evaluated], tell: Callable) -> None:
    title = common(group)
    if title:
        log(title)
    head, rows = overview(group)
    tell(head, rows, numbers=True)
    log(legend(head))
    tell(*(comparison(group) if len(group) <= FEW else intervals(group)))
    for line in disagreements(group):
        log(f"These scores are of different things. {line}", error=True)


def _compared(first: Evaluated, other: Evaluated) -> Comparison | None:
    try:
        return compare_pair(first, other)
    except UserError as error:
        log(str(error), error=True)
        return None


def _tell_pair(compared: Comparison, tell: Callable) -> None:
    log(f"{compared.second} minus {compared.first}")
    log(f"Paired bootstrap over {compared.images:,} {compared.counted}, {DRAWS:,} draws.")
    if compared.left_out:
        log(f"{compared.left_out:,} {compared.counted} that only one of them has are left out.", error=True)
    tell(["score (x 100)", "difference", "95 % interval", "p", f"at p < {SURE} it is"], compared.rows())


def _tell_all(first: Evaluated, others: Sequence[Evaluated], tell: Callable) -> None:
    names = short_names([first, *others])
    pairs = [(name, _compared(first, other)) for name, other in zip(names[1:], others, strict=True)]
    pairs = [(name, compared) for name, compared in pairs if compared is not None]
    if not pairs:
        return
    log(f"Each minus {names[0]}: paired bootstrap over {first.counted}, {DRAWS:,} draws, p in brackets.")
    left_out = max(compared.left_out for _, compared in pairs)
    if left_out:
        log(f"Up to {left_out:,} {first.counted} that only one of a pair has are left out.", error=True)
    tell(*differences([name for name, _ in pairs], [compared for _, compared in pairs]), numbers=True)
