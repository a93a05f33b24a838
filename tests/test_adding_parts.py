"""A part of one's own is one file and one line, as docs/adding-parts.md says; the tests add what it shows."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from captioner.cells import CELLS
from captioner.cells.build import build_cell
from captioner.decoders import DECODERS
from captioner.encoders import ENCODERS, build_encoder
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.registry import Registry
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.data.datasets import DATASETS, read_dataset
from pipelines.recipes.recipe import load_recipe
from tests.support import check_cell, check_decoder
from tests.support_datasets import check_dataset
from tests.support_encoders import check_encoder

PAGE = (Path(__file__).parents[1] / "docs" / "adding-parts.md").read_text(encoding="utf-8")
SMALL = EncoderSettings(name="vgg_small", image_size=16)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """`package(file_name)` writes a module of the page into a package; registries forget it after the test."""
    folder = tmp_path / "extra"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    tables = {id(registry): (registry, dict(registry._table)) for registry in (CELLS, DECODERS, ENCODERS, DATASETS)}

    def write(name):
        code = re.search(rf"^`extra/{name}`:\n\n```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1]
        (folder / name).write_text(code, encoding="utf-8")

    yield write
    for registry, table in tables.values():
        registry._table = table
    for name in [name for name in sys.modules if name.split(".")[0] == "extra"]:
        del sys.modules[name]


def listed(kind):
    result = CliRunner().invoke(app, ["list", kind])
    assert result.exit_code == 0, result.output
    return result.output


def captions_of(decoder, encoder=SMALL):
    settings = CaptionerSettings(encoder=encoder, decoder=decoder, search=SearchSettings(num_beams=2, max_words=3))
    captioner = ImageCaptioner(settings, Vocabulary(["a", "dog"]))
    return [caption.text for caption in captioner.caption(np.zeros((16, 16, 3), np.uint8), candidates=2)]


def test_a_cell(package):
    package("fading.py")
    CELLS.register("fading", "extra.fading:FadingCell")
    check_cell(CELLS.get("fading"))
    assert captions_of(DecoderSettings(cell="fading", units=8, layers=2))
    assert "A leaky integrator" in listed("cells")


def test_a_decoder(package):
    package("plain.py")
    DECODERS.register("double_inject", "extra.plain:DoubleInjectDecoder")
    check_decoder(lambda **options: DECODERS.get("double_inject")(9, 5, keras_cell(), **options))
    assert captions_of(DecoderSettings(name="double_inject", units=8))
    assert "twice the size" in listed("decoders")


def keras_cell():
    return build_cell("gru", 7)


def test_an_encoder(package):
    package("stripes.py")
    ENCODERS.register("stripes", "extra.stripes:StripeEncoder")
    settings = EncoderSettings(name="stripes", image_size=16, options={"stripes": 2})
    check_encoder(build_encoder(settings))
    assert captions_of(DecoderSettings(units=8), settings)
    with pytest.raises(UserError, match=r"The encoder stripes has no option `stripe`\. .*Available: stripes"):
        build_encoder(EncoderSettings(name="stripes", options={"stripe": 2}))
    assert "stripes of the image" in listed("encoders")


def test_a_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('description = "my own"\n[decoder]\nunits = 32\n', encoding="utf-8")
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.kind, recipe.decoder.units) == ("mine", "captioner", 32)
    result = CliRunner().invoke(app, ["list", "settings", str(path)])
    assert result.exit_code == 0 and "decoder.units = 32 " in result.output
    assert "decoder.cell_options.forget_bias = 1.0 " in result.output, "what only one part has is a setting, too"


def test_a_data_set(package, tmp_path):
    package("pairs.py")
    DATASETS.register("pairs", "extra.pairs")
    data = tmp_path / "data"
    data.mkdir()
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8), (name[0] == "a" and "red") or "blue").save(data / name)
    (data / "pairs.txt").write_text("a.png;a red picture\nb.png;a blue picture\nc.png;nothing\n")
    dataset = read_dataset(data)
    check_dataset(dataset)
    assert dataset.name == "pairs" and len(dataset.split("train")) == 2 and "c.png" in str(dataset.problems[0])
    assert "image;caption" in listed("datasets") or "pairs.txt" in listed("datasets")


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(ValueError, match=r"There is a cell called 'lstm' already: a:B\. Choose another"):
        Registry("cell", {"lstm": "a:B"}).register("lstm", "c:D")
