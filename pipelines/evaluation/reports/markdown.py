"""An evaluation as Markdown, to paste into a document: scores, how they were come by, some captions. No pictures."""

import re
from collections.abc import Sequence
from pathlib import Path

import captioner
from pipelines.evaluation.error_analysis import Frequency, Group
from pipelines.evaluation.reports.caption_sections import ranked_groups
from pipelines.evaluation.reports.score_table import printed_facts, score_lines
from pipelines.evaluation.results import Evaluation, Prediction
from pipelines.utils.atomic_files import atomic_write

_SPECIAL = re.compile(r"([\\`*_\[\]|~^$])")
_BEGINNING = re.compile(r"^(\d*)([-+#=:.)])")


def write_markdown(path: Path, evaluation: Evaluation) -> None:
    """Writes the document.

    Raises:
        UserError: it cannot be written.
    """
    atomic_write(path, render_markdown(evaluation))


def render_markdown(evaluation: Evaluation) -> str:
    """The document as text; whatever stands in names and captions stays text in it."""
    lines = [f"# {as_text(evaluation.title)}", ""]
    for note in evaluation.notes:
        lines += [f"> {as_text(note)}", ""]
    scores = [[line.label, line.value, line.interval] for line in score_lines(evaluation)]
    lines += ["## Scores", "", "Multiplied by 100, as papers print them.", ""]
    lines += _table(["Score", "Value", "95 % interval"], scores, "lrr")
    lines += ["## How this was measured", "", *_table(["", ""], printed_facts(evaluation.evaluated), "ll")]
    if evaluation.trained:
        lines += [
            "## What the model was trained on and how",
            "",
            *_table(["", ""], printed_facts(evaluation.trained), "ll"),
        ]
    if evaluation.diagnosis:
        lines += _diagnosis(evaluation)
    lines += ["## Captions", ""]
    for title, predictions in ranked_groups(evaluation.predictions):
        lines += [f"### {title}", "", *(line for one in predictions for line in _caption(one))]
    return "\n".join([*lines, f"Written by captioner {captioner.__version__}.", ""])


def _diagnosis(evaluation: Evaluation) -> list[str]:
    found = evaluation.diagnosis
    lines = ["## Where BLEU is lost", ""]
    for title, groups in (
        ("Length", found.lengths),
        ("Unknown words", found.unknown),
        ("Repeated captions", found.repeated),
    ):
        if groups:
            lines += _table([title, "Images", "BLEU-4", "95 % interval"], list(map(_group, groups)), "lrrr")
    if found.repeats:
        lines += ["Given most often:", ""]
        lines += [f"- {as_item(text) or '(an empty caption)'} ({number:,} times)" for text, number in found.repeats]
        lines.append("")
    lines += ["## Words", "", "How often a word stands in 1,000 words of the captions, and of the references.", ""]
    for title, words in (("Said more often than by people", found.too_often), ("Said less often", found.too_seldom)):
        if words:
            lines += _table([title, "Captions", "References"], list(map(_word, words)), "lrr")
    return lines


def _group(group: Group) -> list[str]:
    interval = f"{100 * group.low:.1f} – {100 * group.high:.1f}"
    return [group.label, f"{group.images:,}", f"{100 * group.bleu_4:.1f}", interval]


def _word(word: Frequency) -> list[str]:
    return [word.word, f"{word.captions:.1f}", f"{word.references:.1f}"]


def _caption(one: Prediction) -> list[str]:
    scores = [f"{label} {100 * one.scores[name]:.0f}" for name, label in (("cider_d", "CIDEr-D"), ("bleu_4", "BLEU-4"))
              if name in one.scores]  # fmt: skip
    told = f" ({', '.join(scores)})" if scores else ""
    lines = [f"- **{as_text(one.caption) or '(an empty caption)'}**{told}, {as_text(one.image)}"]
    return [*lines, *(f"    - {as_item(reference)}" for reference in one.references[:5]), ""]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], sides: str) -> list[str]:
    marks = {"l": ":--", "r": "--:"}
    lines = [_row(head), _row([marks[side] for side in sides], plain=True), *map(_row, rows)]
    return [*lines, ""]


def _row(cells: Sequence[object], plain: bool = False) -> str:
    return "| " + " | ".join(str(cell) if plain else as_text(str(cell)) for cell in cells) + " |"


def as_text(text: str) -> str:
    r"""Text in which Markdown and HTML see nothing but text, on one line.

    >>> as_text("a *dog* <b>\n| x")
    'a \\*dog\\* &lt;b&gt; \\| x'
    """
    text = " ".join(str(text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    # Addresses would become links by themselves.
    return re.sub(r"(?i)\b(https?|ftp)(?=:)|\bwww(?=\.)", lambda found: found[0][0] + "&#8203;" + found[0][1:], text)


def as_item(text: str) -> str:
    r"""Text for the beginning of a line, which makes neither a list nor a heading of it.

    >>> as_item("1. dog"), as_item("# dog")
    ('1\\. dog', '\\# dog')
    """
    return _BEGINNING.sub(r"\1\\\2", as_text(text))
