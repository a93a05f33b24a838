"""Settings to layers: nothing that somebody chose is dropped without a word."""

import pytest

from captioner.decoders import DECODERS
from captioner.models.base.build import unused_settings
from captioner.settings import DecoderSettings
from pipelines.recipes.recipe import load_recipe, recipe_names


def test_what_a_decoder_does_not_have_is_named():
    chosen = {"query_word": True, "attention_size": 64, "units": 8, "layers": 2, "dropout": 0.1}
    assert unused_settings(DecoderSettings(name="inject", **chosen)) == ["attention_size", "query_word"]
    assert unused_settings(DecoderSettings(name="attention", **chosen)) == []


@pytest.mark.parametrize("name", DECODERS.names())
def test_what_nobody_chose_is_not_named(name):
    assert unused_settings(DecoderSettings(name=name)) == []


@pytest.mark.parametrize("name", recipe_names("captioner"))
def test_recipes_choose_nothing_in_vain(name):
    assert unused_settings(load_recipe(name).decoder) == []
