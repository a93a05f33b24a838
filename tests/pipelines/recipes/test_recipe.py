"""Recipes: all of them load, a misspelled setting is answered, and what is written reads the same."""

import tomllib
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.cells import CELLS
from captioner.decoders import DECODERS
from captioner.encoders import ENCODERS
from captioner.errors import UserError
from captioner.settings import validate
from captioner.text import TOKENIZERS
from pipelines.data.datasets import DATASETS
from pipelines.recipes.describe import describe_settings
from pipelines.recipes.recipe import as_toml, load_recipe, recipe_names, recipe_summary
from pipelines.recipes.task_registry import RECIPE_KINDS
from pipelines.tasks.captioning.settings import DataSettings, Recipe, TrainingSettings

# Everything a UTF-8 file can hold.
TEXTS = st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize("name", recipe_names("captioner"))
def test_every_recipe_loads_and_names_things_that_exist(name):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.description and recipe_summary(name) == recipe.description
    assert recipe.encoder.name in ENCODERS and recipe.decoder.name in DECODERS and recipe.decoder.cell in CELLS
    assert recipe.text.tokenizer in TOKENIZERS and recipe.data.dataset in ("", *DATASETS.names())
    # A model that was never shown longer captions cannot write them: start and end take two of the ids.
    assert recipe.search.max_words <= recipe.text.max_length - 2


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_that_was_written_reads_the_same(name, tmp_path):
    """A run goes on only where the recipe in its folder equals the one asked for."""
    recipe = load_recipe(name)
    (tmp_path / "recipe.toml").write_text(as_toml(recipe), encoding="utf-8")
    assert load_recipe(str(tmp_path / "recipe.toml")) == recipe


@given(
    texts=st.tuples(TEXTS, TEXTS, TEXTS),
    sizes=st.dictionaries(TEXTS, st.integers(1, 2**62), max_size=3),
    rate=st.floats(0, exclude_min=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_text_and_number_comes_back(texts, sizes, rate, seed):
    """Folders have names with quotes and emoji; a run whose own recipe cannot be read never goes on."""
    recipe = Recipe(
        name=texts[0],
        description=texts[1],
        data=DataSettings(directory=texts[2], sizes=sizes),
        training=TrainingSettings(learning_rate=rate, seed=seed, patience=3),
    )
    assert validate(Recipe, tomllib.loads(as_toml(recipe)), "") == recipe


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path, encoding):
    """The Notepad of Windows writes one; "Invalid statement (at line 1, column 1)" shows nothing that is wrong."""
    path = tmp_path / "mine.toml"
    path.write_bytes('kind = "language"\r\ndescription = "für mich"\r\n'.encode(encoding))
    assert load_recipe(str(path)).description == "für mich"
    path.write_bytes('description = "für mich"'.encode("cp1252"))
    with pytest.raises(UserError, match=r"mine\.toml:1: this is not UTF-8 text"):
        load_recipe(str(path))


def test_everything_that_can_be_switched_off_can_be_switched_off_in_toml():
    """`None` cannot be written in TOML; where it is not the default, nobody could ask for it."""
    for settings in (Recipe(name=""), *(getattr(Recipe(name=""), part) for part in Recipe.model_fields)):
        for name, field in getattr(type(settings), "model_fields", {}).items():
            can_be_off = type(None) in typing.get_args(field.annotation)
            assert not can_be_off or field.default is None, f"{name} cannot be switched off"


def test_overrides_are_read_as_toml_and_else_as_text():
    recipe = load_recipe(
        "shapes",
        [
            "decoder.units=7",
            "decoder.cell=lstm",
            "training.learning_rate = 1e-4",
            "decoder.tie_embeddings=true",
            'data.directory="my data"',
            "data.directory=C:\\data",
            "data.sizes.train=12",
        ],
    )
    assert (recipe.decoder.units, recipe.decoder.cell, recipe.decoder.tie_embeddings) == (7, "lstm", True)
    assert recipe.training.learning_rate == 1e-4 and recipe.data.directory == "C:\\data"
    assert recipe.data.sizes["train"] == 12
    assert load_recipe("shapes").decoder.units != 7, "an override must not change the recipe itself"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("decoder.unit=3", r"`decoder\.unit` is not a setting\. Did you mean `units`\?"),
        ("decodr.units=3", r"`decodr` is not a setting\. Did you mean `decoder`\?"),
        ("decoder.units=many", r"`decoder\.units` = 'many' does not fit"),
        ("training.optimizer=adm", r"`training\.optimizer` = 'adm' does not fit"),
        ("decoder.units", r"write it like --set decoder\.units=256"),
        ("=3", r"write it like --set decoder\.units=256"),
        ("decoder.units.more=3", r"`units` is a single setting, not a group"),
        ("decoder=3", r"`decoder` = 3 does not fit"),
        ("decoder.cell=lsmt", r"`decoder\.cell` = 'lsmt' does not fit\. There is no cell .*Did you mean `lstm`"),
        ("decoder.name=atention", r"`decoder\.name` = 'atention' does not fit.*Did you mean `attention`"),
        ("encoder.name=vgg_smal", r"`encoder\.name` = 'vgg_smal' does not fit.*Did you mean `vgg_small`"),
        ("encoder.frames_cell=gro", r"`encoder\.frames_cell` = 'gro' does not fit.*Did you mean `gru`"),
        ("text.tokenizer=unicod", r"`text\.tokenizer` = 'unicod' does not fit.*Did you mean `unicode`"),
        ("search.num_beam_groups=2", r"3 beams cannot be shared out to 2 groups evenly"),
        ("search.force_words=dog", r"`search\.force_words` = 'dog' does not fit: a list is expected"),
    ],
)
def test_an_override_that_is_wrong_is_answered(override, message):
    with pytest.raises(UserError, match=message):
        load_recipe("shapes", [override])


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(
        UserError, match=r"no recipe called 'shape'.*Did you mean `shapes`\? `captioner list recipes` lists all"
    ):
        load_recipe("shape")


DEEP = "a = " + "[" * 3000 + "]" * 3000


@pytest.mark.parametrize(
    "text",
    ["a = ", "[decoder\nunits = 3", "\x01", DEEP, "a = " + "9" * 5000],
    ids=["value", "table", "letter", "deep", "digits"],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=r"mine\.toml is not a readable recipe"):
        load_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('kind = ["captioner"]', r"`kind` = \['captioner'\] does not fit: a name is expected"),
        ("kind = {a = 1}", "`kind` = .* does not fit"),
        ("[decoder]\nunits = 0x" + "F" * 9000, "a whole number of more than 64 bits"),
        ("decoder." + ".".join("a" * 3000) + " = 1", "nested more than 20 deep"),
        ("x = " + "[" * 300 + "]" * 300, "nested more than 20 deep"),
        ("a.b = 1\n" + "# long\n" * 20_000, "it has more than 100,000 bytes"),
    ],
)
def test_a_recipe_of_a_stranger_is_a_sentence(tmp_path, text, sentence):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=sentence) as raised:
        load_recipe(str(tmp_path / "mine.toml"))
    assert len(str(raised.value)) < 1000


def test_a_recipe_of_ones_own_is_called_after_its_file(tmp_path):
    (tmp_path / "mine.toml").write_text("[training]\nepochs = 2\n")
    assert load_recipe(str(tmp_path / "mine.toml")).name == "mine"
    (tmp_path / "mine.toml").write_text("[training]\nepoch = 2\n")
    with pytest.raises(UserError, match=r"mine\.toml: `training\.epoch` is not a setting\. Did you mean `epochs`\?"):
        load_recipe(str(tmp_path / "mine.toml"))


def test_settings_of_scheduled_sampling_are_a_group_of_their_own():
    """Recipes of before name them one by one: they are told where each is now."""
    recipe = load_recipe("shapes", ["training.scheduled_sampling.probability=0.25"])
    assert recipe.training.scheduled_sampling.probability == 0.25
    now = r"`training\.own_words_by` was renamed: it is called `training\.scheduled_sampling\.mode` now"
    with pytest.raises(UserError, match=now):
        load_recipe("shapes", ["training.own_words_by=chance"])


@pytest.mark.parametrize("kind", RECIPE_KINDS.names())
def test_every_setting_says_what_it_means(kind):
    """`captioner list settings` would show names alone, which nobody can choose a value by."""
    for path, kind_of_value, default, meaning in describe_settings(RECIPE_KINDS.get(kind)):
        assert kind_of_value and default and len(meaning.split()) > 1, path
