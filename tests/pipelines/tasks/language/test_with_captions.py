"""A language model beside a captioner: a decoder begins with it, and a search listens to it."""

import json

import numpy as np
import pytest
from rich.console import Console

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings, TextSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.caption import caption_with_model
from pipelines.data.datasets import shapes
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.models import captioner_source
from pipelines.recipes.recipe import load_recipe
from pipelines.training import loop
from pipelines.training.experiment import train
from pipelines.utils.progress import Reporter
from tests.support_language import tiny_model

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "shapes"
    shapes.draw(root, sizes={"train": 8, "dev": 2}, image_size=32)
    return root


def test_a_decoder_begins_with_a_language_model(data, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(loop.TrainingLoop, "run_epochs", lambda made: begun.append(made))
    language = tiny_model(["a", "red", "circle", "and"], tokenizer="ptb", cell="lstm", layers=1)
    language.save_to_preset(tmp_path / "language")
    recipe = load_recipe("shapes", ["encoder.image_size=16", "encoder.options.channels=8", "decoder.units=4",
                                    "decoder.embedding_size=3", "decoder.attention_size=4"])  # fmt: skip
    console = Console(record=True, width=300)
    train(recipe, tmp_path / "run", data=data, init_from_language=tmp_path / "language", reporter=Reporter(console))
    output = console.export_text()
    assert "the vectors of 8 of " in output and "3 of 3 weights of the cells" in output
    decoder = begun[0].experiment.captioner.decoder
    np.testing.assert_array_equal(decoder.cell.recurrent_kernel, language.network.cell.recurrent_kernel)
    letters = tiny_model()
    letters.save_to_preset(tmp_path / "letters")
    with pytest.raises(UserError, match="tokenizer ptb, the language model's by characters"):
        train(
            recipe,
            tmp_path / "other",
            data=data,
            init_from_language=tmp_path / "letters",
            reporter=Reporter(quiet=True),
        )


def test_a_search_listens_to_a_language_model(data, tmp_path):
    words = ["a", "red", "blue", "cat"]
    captioner = ImageCaptioner(
        CaptionerSettings(
            encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
            decoder=DecoderSettings(name="inject", units=4, embedding_size=3),
            text=TextSettings(max_length=6),
            search=SearchSettings(num_beams=2, max_words=4),
        ),
        Vocabulary(words),
    )
    captioner.save_to_preset(tmp_path / "captioner")
    language = tiny_model(words, tokenizer="ptb", cell="lstm", layers=1)
    language.network.output_bias.assign([0, 0, 3, 0, 0, 0, 9, 0])  # it likes blue things, and to stop
    language.save_to_preset(tmp_path / "language")

    def write(weight, name):
        options, language = CaptionOptions(batch_size=2), (tmp_path / "language", weight) if weight else None
        source = captioner_source([tmp_path / "captioner"], options.generation, language=language)
        caption_with_model([data / "images"], source, tmp_path / name, options)
        return [json.loads(line)["caption"] for line in (tmp_path / name).read_text().splitlines()]

    alone, mixed = write(None, "a.jsonl"), write(5.0, "b.jsonl")
    assert len(alone) == len(mixed) == 10 and alone != mixed
    assert all("blue" in caption for caption in mixed)
    with pytest.raises(UserError):
        write(4.0, "b.jsonl")  # another weight writes other captions: they do not belong in that file
