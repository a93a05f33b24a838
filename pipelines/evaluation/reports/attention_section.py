"""Where a model looked before it wrote a word or answered a question."""

from collections.abc import Iterator

from pipelines.evaluation.reports.figures import attention_overlay, data_uri, thumbnail
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import AttentionMaps, Evaluation


def attention(evaluation: Evaluation) -> Html | None:
    """The image of some predictions, once for each attention map."""
    by_id = {prediction.id: prediction for prediction in evaluation.predictions}
    items = []
    for id, maps in evaluation.attention.items():
        picture = thumbnail(by_id[id].path, 160) if by_id[id].path else None
        if picture is not None:
            items.append({"prediction": by_id[id], "tiles": list(_tiles(picture, maps))})
    if not items:
        return None
    by_occlusion = any(maps.by_occlusion for maps in evaluation.attention.values())
    return Html(render_fragment("attention.html", evaluation=evaluation, items=items, by_occlusion=by_occlusion))


def _tiles(picture, maps: AttentionMaps) -> Iterator[tuple[str, str]]:
    yield "", data_uri(picture)
    for label, weights in zip(maps.labels, maps.weights, strict=False):
        yield label, data_uri(attention_overlay(picture, weights, maps.grid), 60)
