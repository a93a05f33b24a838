"""`captioner compare`: scores of several evaluations side by side, then pair by pair with the first."""

from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from pipelines.compare import compare_pair, comparison, disagreements, grouped, read_evaluations
from pipelines.significance import DRAWS, SURE
from pipelines.terminal import say, table


def tell_comparison(paths: Sequence[Path]) -> None:
    """Prints the tables.

    Raises:
        UserError: a path holds no evaluation.
    """
    evaluations = read_evaluations(paths)
    groups = grouped(evaluations)
    alone = all(len(group) == 1 for group in groups)
    for group in [evaluations] if alone else groups:
        table(*comparison(group))
        for line in disagreements(group):
            say(f"These scores are of different things. {line}", error=True)
    if alone:
        return
    for first, *others in groups:
        for other in others:
            _tell_pair(first, other)


def _tell_pair(first, other) -> None:
    try:
        compared = compare_pair(first, other)
    except UserError as error:
        say(str(error), error=True)
        return
    say(f"{compared.second} minus {compared.first}")
    say(f"Paired bootstrap over {compared.images:,} images, {DRAWS:,} draws.")
    if compared.left_out:
        say(f"{compared.left_out:,} images that only one of them has are left out.", error=True)
    table(["score (x 100)", "difference", "95 % interval", "p", f"at p < {SURE} it is"], compared.rows())
