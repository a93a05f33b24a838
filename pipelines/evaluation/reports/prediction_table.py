"""The table of all predictions of a report, the same of captions and of answers: it can be filtered and sorted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.evaluation.reports.figures import small_pictures
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.sections import Html

ROWS = 10_000  # predictions.csv has them all
PICTURES = 2000  # with more the page would be too large to send


@dataclass(frozen=True)
class Column:
    """A column.

    label: its head.
    digits: of its numbers; None for text.
    key: what it is sorted by: "title", "name", "order", "first" or "share" (text and number of the first of a row's
        `items`); by default its own values.
    first: 1 if a click on its head begins with the smallest, -1 with the largest, 0 if it cannot be sorted by.
    """

    label: str
    digits: int | None = None
    key: str = ""
    first: int = 0


@dataclass(frozen=True)
class Row:
    """A prediction.

    path: of its image. picture: a description of that.
    title: the text of the prediction in pieces, every other of which says something false.
    items: texts below it, each with a share or None.
    name: of the image.
    values: one a column.
    group: the number of the group that it belongs to.
    remarks: what is false.
    """

    path: Path | None
    picture: str
    title: Sequence[str]
    items: Sequence[tuple[str, float | None]]
    name: str
    values: Sequence[str | float | None] = ()
    group: int = 0
    remarks: Sequence[str] = ()


def prediction_table(
    title: str,
    head: Column,
    columns: Sequence[Column],
    rows: Sequence[Row],
    total: int,
    *,
    orders: Sequence[tuple[str, str]],
    groups: Sequence[str] = (),
    placeholder: str = "",
) -> Html:
    """The section with the table.

    Args:
        title: of the section.
        head: of the column with the texts.
        columns: those after it.
        rows: of the table, at most `ROWS`.
        total: how many predictions there are.
        orders: what to sort by, the first to begin with: key and direction of a column as "KEY 1" or "KEY -1", and a
            label; each way in which a head sorts is among them.
        groups: that can be shown alone.
        placeholder: what the filter says while it is empty.
    """
    paths = list(dict.fromkeys(row.path for row in rows if row.path is not None))[:PICTURES]
    pictures = {path: uri for path, uri in zip(paths, small_pictures(paths), strict=True) if uri}
    numbers = {path: number for number, path in enumerate(pictures)}
    described = {row.path: row.picture for row in reversed(rows)}
    html = render_fragment(
        "table.html", heads=[_head(column, number) for number, column in enumerate([head, *columns], start=-1)],
        orders=orders, groups=groups, placeholder=placeholder, shown=len(rows), total=total,
    )  # fmt: skip
    return Html(html, title, ("table.js",), {
        "columns": [{"label": column.label, "digits": column.digits} for column in columns],
        "pictures": [[uri, described[path]] for path, uri in pictures.items()],
        "rows": [
            [numbers.get(row.path, -1), row.title, row.items, row.name, row.group, row.remarks, *row.values]
            for row in rows
        ],
    })  # fmt: skip


def _head(column: Column, number: int) -> dict[str, object]:
    key = column.key or str(number)
    return {"label": column.label, "number": column.digits is not None, "sortable": column.first != 0, "key": key,
            "first": column.first}  # fmt: skip
