"""What the page shows, as HTML. Texts are escaped: captions, questions, and names of files, which strangers choose."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from pipelines.evaluation.reports.figures import attention_overlay, attention_scale, data_uri, scale_colours
from pipelines.evaluation.results import AttentionMaps
from pipelines.utils.tables import csv_bytes

_COLUMNS = ["image", "caption", "score", "unsure", "error"]


@dataclass(frozen=True)
class Bar:
    """A text and its probability."""

    text: str
    probability: float


def caption_html(text: str, unsure: bool = False) -> str:
    """A caption, large."""
    doubt = '<p class="note">The model is unsure of this caption.</p>' if unsure else ""
    return f'<p class="caption" role="status">{escape(text)}</p>{doubt}'


def hint_html(text: str) -> str:
    """What there is to do where there is nothing to show yet."""
    return f'<p class="hint">{escape(text)}</p>'


def bars_html(bars: Sequence[Bar], title: str, note: str = "") -> str:
    """Texts with bars as long as they are probable.

    Args:
        title: above them. note: below them, what the numbers mean.
    """
    rows = "".join(
        f'<li><span class="text">{escape(bar.text)}</span>'
        f'<span class="bar" aria-hidden="true"><i style="width:{100 * min(bar.probability, 1):.1f}%"></i></span>'
        f'<span class="number">{_percent(bar.probability)}</span></li>'
        for bar in bars
    )
    note = note and f'<p class="note">{escape(note)}</p>'
    return f'<h3>{escape(title)}</h3><ol class="bars">{rows}</ol>{note}'


def candidate_bars(entry: dict) -> str:
    """The candidates of an image, from `caption_entries`: how probable a word of them is in the geometric mean."""
    bars = [Bar(each["caption"], math.exp(each["score"])) for each in entry.get("candidates", [entry])]
    note = "How probable a word of it is: the geometric mean over the caption's words and its end."
    return bars_html(
        bars, "Candidates", f"{note} The search ranks captions by their length, too." if bars[1:] else note
    )


def attention_html(picture: Image.Image, maps: AttentionMaps, title: str) -> str:
    """A picture, and a slider over its attention maps.

    Args:
        picture: as people see it.
        maps: with a label each: a word.
        title: what is shown.
    """
    scale = attention_scale(maps)
    if scale is None:
        return hint_html("Nothing in the picture mattered more than the rest of it.")
    overlays = [attention_overlay(picture, weights, maps.grid, scale.most) for weights in maps.weights]
    labels = ["the picture", *map(str, maps.labels)]
    frames = "".join(
        f'<img src="{data_uri(each, 70)}" alt="{escape(_alternative(label))}" width="{each.width}" '
        f'height="{each.height}"{"" if number == 1 else " hidden"}>'
        for number, (label, each) in enumerate(zip(labels, [picture, *overlays], strict=True))
    )
    chips = "".join(
        f'<button type="button" data-number="{number}" aria-pressed="{"true" if number == 1 else "false"}">'
        f"{escape(label)}</button>"
        for number, label in enumerate(labels)
    )
    colours = ", ".join(f"rgb{colour}".replace(" ", "") for colour in scale_colours(16))
    return (
        f'<h3 id="attention-title">{escape(title)}</h3><div class="attention"><div class="frames">{frames}</div>'
        f'<input type="range" min="0" max="{len(overlays)}" value="1" step="1" aria-label="Word" '
        f'aria-valuetext="{escape(labels[1])}"><p class="chips">{chips}</p>'
        f'<p class="note"><span class="scale" style="background:linear-gradient(to right, {colours})"></span> 0 to '
        f"{escape(scale.text)} {escape(scale.meaning.partition(';')[0])}</p></div>"
    )


def maps_of(labels: Sequence[str], weights: Sequence) -> AttentionMaps | None:
    """`AttentionMaps` of an entry's lists `(T, h, w)`; None where positions form no grid, or there are no words."""
    array = np.asarray(weights, np.float32)
    if array.ndim != 3 or not len(array):
        return None
    return AttentionMaps(tuple(labels), array.reshape(len(array), -1), array.shape[1:])


@dataclass(frozen=True)
class Row:
    """One of many pictures: its name, a thumbnail as a `data:` address, and its entry of `caption_entries`."""

    name: str
    thumbnail: str
    entry: dict


def table_html(rows: Sequence[Row], total: int) -> str:
    """A table of captions, and how far it is."""
    lines = "".join(
        f'<tr><td>{_thumbnail(row)}</td><th scope="row">{escape(row.name)}</th><td>{_result(row.entry)}</td>'
        f'<td class="number">{row.entry.get("score", "")}</td></tr>'
        for row in rows
    )
    heads = "".join(f'<th scope="col">{each}</th>' for each in ("Picture", "File", "Caption", "Score"))
    return (
        f'<p role="status">{len(rows):,} of {total:,} pictures</p>'
        f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def csv_link(rows: Sequence[Row]) -> str:
    """A link that saves the table; the file is in the link, so that none lies on the server."""
    records = [{"image": row.name, **row.entry} for row in rows]
    content = base64.b64encode(csv_bytes(records, _COLUMNS)).decode()
    return f'<a class="csv" download="captions.csv" href="data:text/csv;base64,{content}">Save as CSV</a>'


def examples_html(examples: Sequence[tuple[str, str]]) -> str:
    """Buttons with example pictures, `(name, thumbnail)`."""
    buttons = "".join(
        f'<button type="button" data-number="{number}" aria-label="Example: {escape(name)}">'
        f'<img src="{thumbnail}" alt=""></button>'
        for number, (name, thumbnail) in enumerate(examples)
    )
    return f'<div class="examples" role="group" aria-label="Examples">{buttons}</div>'


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %"


def _alternative(label: str) -> str:
    return "The picture" if label == "the picture" else f"The picture, with the attention for: {label}"


def _thumbnail(row: Row) -> str:
    return f'<img src="{row.thumbnail}" alt="">' if row.thumbnail else ""


def _result(entry: dict) -> str:
    if "error" in entry:
        return f'<span class="error">{escape(entry["error"])}</span>'
    return escape(entry["caption"]) + (" <small>(unsure)</small>" if entry.get("unsure") else "")
