"""Where a model looked before it wrote a word or answered a question."""

from collections.abc import Iterator

from PIL import Image

from pipelines.evaluation.reports.figures import (
    AttentionScale,
    attention_overlay,
    attention_scale,
    data_uri,
    scale_colours,
    thumbnail,
)
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import AttentionMaps, Evaluation

_LONGEST = 400  # pixels of a picture, of which there is one for each word


def attention(evaluation: Evaluation) -> Html | None:
    """The image of some predictions, once for each attention map."""
    by_id = {prediction.id: prediction for prediction in evaluation.predictions}
    items = []
    for id, maps in evaluation.attention.items():
        picture = thumbnail(by_id[id].path, _LONGEST) if by_id[id].path else None
        if picture is not None:
            scale = attention_scale(maps)
            tiles = list(_tiles(picture, maps, scale, by_id[id].image))
            items.append({"prediction": by_id[id], "scale": scale, "tiles": tiles})
    if not items:
        return None
    by_occlusion = any(maps.by_occlusion for maps in evaluation.attention.values())
    html = render_fragment(
        "attention.html", evaluation=evaluation, items=items, by_occlusion=by_occlusion, colours=scale_colours(9)
    )
    return Html(html, "Where it looked")


def _tiles(
    picture: Image.Image, maps: AttentionMaps, scale: AttentionScale | None, name: str
) -> Iterator[tuple[str, str, str]]:
    """Label, address and description of each picture."""
    yield "", data_uri(picture), name
    for label, weights in zip(maps.labels, maps.weights, strict=False):
        overlay = attention_overlay(picture, weights, maps.grid, scale and scale.most)
        yield label, data_uri(overlay, 60), f"{name}, with the attention for: {label}"
