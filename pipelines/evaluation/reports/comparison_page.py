"""A comparison as files: a page to sort and look at, the same in Markdown to paste, and in JSON for programs.

comparison.html   a row a system and a column a metric; all pairs; the images on which two systems differ most
comparison.md     the same without pictures
comparison.json   the same as plain data
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

import captioner
from captioner.errors import UserError
from captioner.files import atomic_write, locked_folder
from captioner.metrics.base import Prominence, Score
from pipelines.data.datasets.finder import ImageFinder
from pipelines.data.datasets.text import read_json
from pipelines.evaluation.bootstrap import Difference
from pipelines.evaluation.compare import Comparison, p_text, verdict
from pipelines.evaluation.evaluated import DATA_FOLDER, Evaluated, Item, read_items
from pipelines.evaluation.metrics import metric_classes, scores_of
from pipelines.evaluation.reports.comparison import (
    PAIR_HEAD,
    ComparedGroup,
    common,
    differences,
    legend,
    overview,
    tested_scores,
)
from pipelines.evaluation.reports.figures import small_pictures
from pipelines.evaluation.reports.html_page import render_page
from pipelines.evaluation.reports.markdown import as_item, as_text, markdown_table
from pipelines.evaluation.results import RANKED_BY

HTML, MARKDOWN, JSON = "comparison.html", "comparison.md", "comparison.json"
EACH_WAY = 8  # images of a pair on which the one is better, and the other
EACH_WAY_IN_TEXT = 3
_FOLDERS = (".", "images", "Images")
_TITLE = "Systems compared"


def check_comparison_folder(folder: Path) -> None:
    """Refuses to write a comparison over the files of somebody else, before anything is computed.

    Raises:
        UserError: a file of that name is there, and is no part of a comparison.
    """
    there = [folder / name for name in (HTML, MARKDOWN, JSON) if (folder / name).exists()]
    if there and not _is_comparison(folder / JSON):
        raise UserError(
            f"{there[0]} exists already, and a report would replace it. Nothing was changed: give another --report, or "
            "move that file away."
        )


def _is_comparison(path: Path) -> bool:
    try:
        return "groups" in read_json(path)
    except (UserError, OSError, TypeError):
        return False


def write_comparison(
    groups: Sequence[ComparedGroup],
    sentences: Sequence[str],
    folder: Path,
    images: Path | None = None,
    command: str = "",
) -> Path:
    """Writes the three files; returns the page.

    Args:
        groups, sentences: see `pipelines.evaluation.reports.comparison.compare_groups`.
        folder: made if it does not exist.
        images: folder of the images; by default where the evaluations say that the data was.
        command: that was typed, for the report to state.

    Raises:
        UserError: they cannot be written, or the predictions of a system are damaged.
    """
    differing = [differing_images(group) for group in groups]
    facts = {"date": datetime.now().astimezone().isoformat(" ", "minutes"), "command": command}
    with locked_folder(Path(folder), wait=60):
        atomic_write(folder / JSON, json.dumps(as_data(groups, sentences, differing, facts), indent=2) + "\n")
        atomic_write(folder / MARKDOWN, as_markdown(groups, sentences, differing, facts))
        atomic_write(folder / HTML, as_html(groups, sentences, differing, facts, images))
    return folder / HTML


@dataclass(frozen=True)
class DifferingImages:
    """The images (or questions) on which systems differ most.

    scores: of single captions or answers, the first decides. systems: the numbers of those in `ComparedGroup.systems`
    that have items. images: names. values: score -> `(images, systems)`. items: by image, one a system.
    """

    scores: tuple[Score, ...]
    systems: tuple[int, ...]
    images: tuple[str, ...]
    values: dict[str, np.ndarray]
    items: dict[str, tuple[Item, ...]]

    def of_pair(self, first: int, second: int, score: Score, most: int) -> tuple[list[int], list[int]]:
        """The numbers of the images on which the second is better, and of those on which the first is, most first."""
        sign = -1 if score.higher_is_better is False else 1
        gain = sign * (self.values[score.name][:, second] - self.values[score.name][:, first])
        order = np.argsort(-gain, kind="stable")
        better = [int(number) for number in order if gain[number] > 0][:most]
        worse = [int(number) for number in order[::-1] if gain[number] < 0][:most]
        return better, worse


def differing_images(group: ComparedGroup, most: int = EACH_WAY) -> DifferingImages | None:
    """The images that differ most for any pair of systems and any score; None where there is nothing to show."""
    if group.result is None:
        return None
    numbers = [number for number, system in enumerate(group.systems) if system.images]
    items = {number: read_items(group.systems[number]) for number in numbers}
    numbers = [number for number in numbers if items[number]]
    if len(numbers) < 2:
        return None
    images = [image for image in group.systems[numbers[0]].images if all(image in items[n] for n in numbers)]
    columns = [_values(group.systems[number], images) for number in numbers]
    names = set.intersection(*(set(values) for values in columns))
    place = {name: number for number, name in enumerate((*RANKED_BY, "vqa_accuracy"))}  # before exact match
    scores = sorted(
        (score for score in scores_of(names, Prominence.MAIN) if score.higher_is_better is not None),
        key=lambda score: place.get(score.name, len(place)),
    )
    values = {score.name: np.stack([column[score.name] for column in columns], axis=1) for score in scores}
    if not scores:
        return None
    every = DifferingImages(tuple(scores), tuple(numbers), tuple(images), values, {})
    chosen: dict[int, None] = {}
    for second in range(len(numbers)):
        for first in range(second):
            for score in scores:
                for listed in every.of_pair(first, second, score, most):
                    chosen |= dict.fromkeys(listed)
    kept = sorted(chosen)
    return DifferingImages(
        tuple(scores),
        tuple(numbers),
        tuple(images[number] for number in kept),
        {name: column[kept] for name, column in values.items()},
        {images[number]: tuple(items[system][images[number]] for system in numbers) for number in kept},
    )


def _values(system: Evaluated, images: Sequence[str]) -> dict[str, np.ndarray]:
    """Score -> its values of single captions or answers, for these images."""
    position = {image: number for number, image in enumerate(system.images)}
    chosen = [position[image] for image in images]
    return {
        name: values
        for metric, own in metric_classes().items()
        if metric in system.rows
        for name, values in own.per_item(system.rows[metric][chosen]).items()
    }


def find_images(
    differing: DifferingImages, systems: Sequence[Evaluated], images: Path | None = None
) -> list[Path | None]:
    """The files of the images, None for those that are not found.

    Args:
        images: folder to look in; by default where the systems say that their data was.
    """
    folders = [images] if images else [Path(str(system.evaluated.get(DATA_FOLDER) or "")) for system in systems]
    finders = [ImageFinder(folder, _FOLDERS) for folder in dict.fromkeys(folders) if folder.is_dir()]
    names = [
        dict.fromkeys(name for item in differing.items[image] for name in item.names) for image in differing.images
    ]
    return [next(filter(None, (_find(finder, name) for finder in finders for name in own)), None) for own in names]


def _find(finder: ImageFinder, name: str) -> Path | None:
    path = finder.find(name)
    return finder.root / path if path else None


def as_data(
    groups: Sequence[ComparedGroup],
    sentences: Sequence[str],
    differing: Sequence[DifferingImages | None],
    facts: Mapping[str, object],
) -> dict:
    """The comparison as plain data."""
    return {
        **facts,
        "captioner": captioner.__version__,
        "notes": list(sentences),
        "groups": [_group_data(group, images) for group, images in zip(groups, differing, strict=True)],
    }


def _group_data(group: ComparedGroup, differing: DifferingImages | None) -> dict:
    result = group.result
    data = {
        "notes": list(group.sentences),
        "systems": [
            {"name": name, "title": system.name, "folder": system.folder, "scores": system.scores,
             "intervals": system.intervals, "evaluated": system.evaluated, "trained": system.trained}
            for name, system in zip(group.names, group.systems, strict=True)
        ],
    }  # fmt: skip
    if result is not None:
        data |= {
            "compared": {
                result.counted: result.images, "left_out": result.left_out, "resamples": result.resamples,
                "tests": result.tests, "correction": "Holm", "family": group.family(),
            },
            "pairs": [
                {"first": first, "second": second,
                 "differences": {name: _difference_data(one) for name, one in pair.differences.items()}}
                for first, second, pair in group.named_pairs()
            ],
        }  # fmt: skip
    if differing is not None:
        data["differing_most"] = {
            "systems": [group.names[number] for number in differing.systems],
            "items": [
                {"image": image,
                 "texts": [item.text for item in differing.items[image]],
                 "scores": {name: _plain(values[number]) for name, values in differing.values.items()}}
                for number, image in enumerate(differing.images)
            ],
        }  # fmt: skip
    return data


def _difference_data(difference: Difference) -> dict[str, object]:
    return {
        "difference": difference.value, "low": difference.low, "high": difference.high, "p": difference.p,
        "adjusted_p": difference.adjusted_p, "verdict": verdict(difference),
    }  # fmt: skip


def as_markdown(
    groups: Sequence[ComparedGroup],
    sentences: Sequence[str],
    differing: Sequence[DifferingImages | None],
    facts: Mapping[str, object],
) -> str:
    """The comparison to paste into a document; whatever stands in names and captions stays text in it."""
    lines = [f"# {_TITLE}", ""]
    for sentence in sentences:
        lines += [f"> {as_text(sentence)}", ""]
    for group, images in zip(groups, differing, strict=True):
        lines += _group_markdown(group, images)
    command = f" Command: {as_text(facts['command'])}." if facts["command"] else ""
    return "\n".join([*lines, f"Written by captioner {captioner.__version__}, {facts['date']}.{command}", ""])


def _group_markdown(group: ComparedGroup, differing: DifferingImages | None) -> list[str]:
    head, rows = overview(group.systems, group.names)
    lines = [f"## {as_text(common(group.systems) or 'Scores')}", ""]
    for sentence in group.sentences:
        lines += [f"> {as_text(sentence)}", ""]
    lines += [*markdown_table(head, rows, _sides(head)), as_text(legend(head)), ""]
    if group.result is None:
        return lines
    lines += ["### Differences", "", as_text(group.family()), ""]
    if len(group.result.pairs) == 1:
        ((first, second, pair),) = group.named_pairs()
        lines += [as_text(f"{second} minus {first}:"), "", *markdown_table(PAIR_HEAD, pair.rows(), "lrrrl")]
    else:
        pairs = group.named_pairs()
        head, rows = differences([f"{second} minus {first}" for first, second, _ in pairs], group.result.pairs)
        lines += markdown_table(head, rows, _sides(head))
    return lines + _differing_markdown(group, differing)


def _sides(head: Sequence[str]) -> str:
    return "l" + "r" * (len(head) - 1)


def _differing_markdown(group: ComparedGroup, differing: DifferingImages | None) -> list[str]:
    if differing is None or not differing.images:
        return []
    score, names = differing.scores[0], [group.names[number] for number in differing.systems]
    lines = [f"### {_most_title(group)}", "", f"Ranked by {as_text(score.label)}.", ""]
    for second in range(len(names)):
        for first in range(second):
            sides = differing.of_pair(first, second, score, EACH_WAY_IN_TEXT)
            for numbers, better, other in zip(sides, (second, first), (first, second), strict=True):
                if numbers:
                    lines += [f"**{as_text(names[better])}** better than {as_text(names[other])}:", ""]
                for number in numbers:
                    lines += _item_lines(differing, number, score, {name: names[name] for name in (better, other)})
    return lines


def _item_lines(differing: DifferingImages, number: int, score: Score, names: Mapping[int, str]) -> list[str]:
    image = differing.images[number]
    items = differing.items[image]
    question = next((f": {as_text(item.question)}" for item in items if item.question), "")
    lines = [f"- {as_text(image)}{question}"]
    for system, name in names.items():
        value = score.text(differing.values[score.name][number, system])
        text = as_text(items[system].text) or "(no words)"
        lines.append(f"    - {as_item(name)} ({value}): {text}")
    references = next((item.references for item in items if item.references), ())
    return [*lines, *(f"    - {as_item(f'reference: {reference}')}" for reference in references[:5]), ""]


def _most_title(group: ComparedGroup) -> str:
    counted = group.result.counted if group.result else "images"
    return f"The {counted} on which two differ most"


def as_html(
    groups: Sequence[ComparedGroup],
    sentences: Sequence[str],
    differing: Sequence[DifferingImages | None],
    facts: Mapping[str, object],
    images: Path | None = None,
) -> str:
    """The page as text."""
    shown = [
        _group_page(number, group, most, images)
        for number, (group, most) in enumerate(zip(groups, differing, strict=True))
    ]
    titles = []
    for own in shown:
        titles.append((own["id"], "Scores" if len(shown) == 1 else own["title"]))
        titles += [(f"{own['id']}-pairs", "Differences")] if own["pairs"] else []
        titles += [(f"{own['id']}-most", own["most_title"])] if own["differing"] else []
    return render_page(
        "comparison.html",
        ["sortable.js", "differing.js"],
        data={"groups": [group.pop("data") for group in shown]},
        title=_TITLE,
        names=[name for group in groups for name in group.names],
        sentences=sentences,
        groups=shown,
        titles=[*titles, ("facts", "How this was measured")],
        facts=facts,
    )


def _group_page(number: int, group: ComparedGroup, differing: DifferingImages | None, images: Path | None) -> dict:
    """What the template shows of a group."""
    scores = [score for score in scores_of() if score.heading]
    scores = [score for score in scores if any(score.name in system.scores for system in group.systems)]
    head, rows = overview(group.systems, group.names)
    more = 1 + len(scores)  # where size and speed begin
    return {
        "id": f"set-{number + 1}",
        "title": common(group.systems) or "Scores",
        "group": group,
        "head": [(score.heading, score.label, 1 if score.higher_is_better is False else -1) for score in scores],
        "more": head[more:],
        "rows": [
            {"name": name, "cells": [_cell(group, place, score) for score in scores],
             "more": [(text, _sort_value(text)) for text in row[more:]], "about": _about(group.systems[place])}
            for place, (name, row) in enumerate(zip(group.names, rows, strict=True))
        ],
        "legend": legend(head),
        "pairs": _pairs(group),
        "most_title": _most_title(group),
        "differing": differing is not None and bool(differing.images),
        "data": _differing_data(group, differing, images),
    }  # fmt: skip


def _sort_value(text: str) -> str:
    """A printed number as a number, for sorting.

    >>> _sort_value("6.29M"), _sort_value("48k"), _sort_value("1,200"), _sort_value("")
    ('6290000', '48000', '1200', '')
    """
    factor = {"M": 1e6, "k": 1e3}.get(text[-1:], 1)
    number = text.rstrip("Mk").replace(",", "")
    return f"{float(number) * factor:.10g}" if number else ""


def _about(system: Evaluated) -> str:
    """How a system was scored, in a line."""
    names = ("model", "captions", "data set", "references", "split", "images", "questions", "references an image",
             "tokenizer", "beam size", "answers", "date")  # fmt: skip
    known = [(name, system.evaluated[name]) for name in names if system.evaluated.get(name) not in (None, "")]
    return "; ".join(
        [*(f"{name} {value}" for name, value in known), *([f"in {system.folder}"] if system.folder else [])]
    )


def _cell(group: ComparedGroup, number: int, score: Score) -> dict[str, object]:
    """A score in the table of systems: "best", or "equal" where it is not shown to differ from the best."""
    system = group.systems[number]
    return {
        "value": system.scores.get(score.name, ""),
        "text": score.text_of(system.scores),
        "interval": score.interval_text(system.intervals, " – "),
        "mark": _mark(group, number, score),
    }


def _mark(group: ComparedGroup, number: int, score: Score) -> str:
    values = [system.scores.get(score.name) for system in group.systems]
    known = [value for value in values if value is not None]
    if len(known) < 2 or values[number] is None or score.higher_is_better is None:
        return ""
    best = (max if score.higher_is_better else min)(known)
    if values[number] == best:
        return "best"
    both = sorted((values.index(best), number))
    pair = next((pair for *numbers, pair in group.numbered_pairs() if numbers == both), None)
    difference = pair.differences.get(score.name) if pair else None
    return "equal" if difference is not None and difference.tested and not difference.significant else ""


def _pairs(group: ComparedGroup) -> dict | None:
    """The table of all pairs; of a single pair all its scores."""
    if group.result is None:
        return None
    named = group.named_pairs()
    if len(named) == 1:
        scores = list(scores_of(named[0][2].differences))
    else:
        scores = tested_scores(group.result.pairs)
    return {
        "single": len(named) == 1,
        "scores": scores,
        "rows": [
            {"first": first, "second": second, "cells": [_pair_cell(pair, score) for score in scores]}
            for first, second, pair in named
        ],
    }


def _pair_cell(pair: Comparison, score: Score) -> dict[str, object] | None:
    difference = pair.differences.get(score.name)
    if difference is None:
        return None
    return {
        "label": score.label,
        "value": difference.value,
        "text": score.text(difference.value, "+"),
        "interval": f"{score.text(difference.low, '+')} to {score.text(difference.high, '+')}",
        "p": p_text(difference.p),
        "adjusted_p": p_text(difference.adjusted_p),
        "verdict": verdict(difference),
    }


def _differing_data(group: ComparedGroup, differing: DifferingImages | None, images: Path | None) -> dict | None:
    """What the script of the page makes cards of."""
    if differing is None or not differing.images:
        return None
    paths = find_images(differing, [group.systems[number] for number in differing.systems], images)
    return {
        "most": EACH_WAY,
        "systems": [group.names[number] for number in differing.systems],
        "scores": [
            {"label": score.label, "factor": score.factor, "digits": score.digits,
             "sign": -1 if score.higher_is_better is False else 1}
            for score in differing.scores
        ],
        "items": [
            _card_data(differing, number, picture) for number, picture in enumerate(small_pictures(paths))
        ],
    }  # fmt: skip


def _card_data(differing: DifferingImages, number: int, picture: str) -> dict[str, object]:
    image = differing.images[number]
    items = differing.items[image]
    references = next((item.references for item in items if item.references), ())
    return {
        "name": image,
        "picture": picture,
        "question": next((item.question for item in items if item.question), ""),
        "references": list(references[:5]),
        "texts": [item.text for item in items],
        "values": [_plain(differing.values[score.name][number]) for score in differing.scores],
    }


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON has them: None for what is none."""
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]
