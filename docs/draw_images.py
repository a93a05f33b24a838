"""Draws the pictures of README.md.

    python -m docs.draw_images                            scenes with a caption from the data
    python -m docs.draw_images --model runs/shapes-long   scenes with what a model wrote, and where it looked

The scenes come from another seed than the training data.
"""

import argparse
import io
import os
import tempfile
import textwrap
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from pipelines.data.datasets import shapes
from pipelines.data.synthetic.drawing import draw_scene
from pipelines.evaluation.reports.figures import attention_sheet
from pipelines.evaluation.results import AttentionMaps

IMAGES = Path(__file__).with_name("images")
SCENES, COLUMNS, SEED = 8, 4, 2015


def main(argv: list[str] | None = None) -> None:
    """Writes `shapes.png`, and `attention.png` where a model is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a run; else captions of the data are shown")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shapes.draw(folder, seed=SEED, sizes={"test": SCENES})
        scenes = list(shapes.read_scenes(folder).values())
        captions = [example.captions[0] for example in shapes.read(folder).examples]
    if options.model:
        captions = _captions_of(options.model, scenes, options.out / "attention.png")
    pictures = [draw_scene(scene, 256) for scene in scenes]
    _save(caption_sheet(pictures, captions, COLUMNS, height=5.9, wrap=32), options.out / "shapes.png")


def caption_sheet(pictures, captions, columns: int, height: float, wrap: int) -> Image.Image:
    """Pictures side by side, each with its caption below it."""
    rows = -(-len(pictures) // columns)
    figure, places = plt.subplots(rows, columns, figsize=(9, height), gridspec_kw={"hspace": 0.36})
    for place, picture, caption in zip(places.flat, pictures, captions, strict=True):
        place.imshow(picture)
        place.set_xlabel(textwrap.fill(caption, wrap), fontsize=9)
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(False)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.98, bottom=0.14, wspace=0.08)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    return Image.open(buffer).convert("RGB")


def _captions_of(model: Path, scenes, attention_path: Path) -> list[str]:
    from captioner import ImageCaptioner

    captioner = ImageCaptioner.from_preset(model)
    pictures = [np.asarray(draw_scene(scene)) for scene in scenes]
    captions = [found[0] for found in captioner.caption(pictures, attention=True)]
    if captioner.encoder.grid is not None and captions[0].attention is not None:
        # The longest that fits two rows of six tiles, the first of which is the picture itself.
        chosen = max(range(len(captions)), key=lambda n: len(captions[n].words) * (len(captions[n].words) < 12))
        shown, caption = draw_scene(scenes[chosen], 256), captions[chosen]
        maps = AttentionMaps(caption.words, np.asarray(caption.attention), captioner.encoder.grid)
        _save(attention_sheet(shown, maps), attention_path)
    return [caption.text for caption in captions]


def _save(picture: Image.Image, path: Path) -> None:
    """Few colours are enough for drawings, and keep the repository small."""
    picture.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
