"""Training on captions that the model draws itself."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.captioner import ImageCaptioner
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from pipelines import train as training
from pipelines.batches import CaptionBatches
from pipelines.datasets import shapes
from pipelines.self_critical import SelfCriticalBatches
from pipelines.settings import load_recipe
from pipelines.show import Show

CAPTIONS = [["a red dot"], ["a blue dot", "one blue dot"], ["two dots"], ["a red dot"], ["no dot"]]
SMALL = {
    "encoder": {"name": "vgg_small", "image_size": 16, "channels": 8, "pool": 1},
    "decoder": {"units": 6, "embedding_size": 5, "attention_size": 4, "dropout": 0.0},
    "text": {"minimum_count": 1, "max_length": 6},
}


@pytest.fixture(autouse=True)
def eagerly(monkeypatch):
    compile_model = keras.Model.compile

    def compile_eagerly(model, *arguments, jit_compile=None, **options):
        compile_model(model, *arguments, run_eagerly=True, **options)

    monkeypatch.setattr(keras.Model, "compile", compile_eagerly)


def batches(reward=None):
    keras.utils.set_random_seed(0)
    vocabulary = Vocabulary.from_captions(text for texts in CAPTIONS for text in texts)
    captioner = ImageCaptioner(CaptionerSettings(**SMALL), vocabulary)
    pixels = np.random.default_rng(0).normal(size=(len(CAPTIONS), 16, 16, 3)).astype("float32")
    source = SimpleNamespace(readable=np.ones(len(CAPTIONS), bool), read=lambda indices: pixels[indices])
    plain = CaptionBatches(source, CAPTIONS, vocabulary, 6, 2, 1, seed=0)
    return SelfCriticalBatches(plain, CAPTIONS, captioner, 3, reward or {"cider_d": 1.0})


def test_the_advantage_is_what_a_caption_earned_beyond_the_greedy_one():
    made = batches({"bleu_4": 1.0})
    inputs, targets, advantages = made.batch(np.array([1, 2]), [0, 0, 0])
    vocabulary = made.vocabulary
    assert targets.shape == (2, 3, 5) and (inputs["words"][:, :, 0] == vocabulary.start_id).all()
    greedy = made.searcher.predict_on_batch(inputs["image"])
    for place, image in enumerate((1, 2)):
        usual = vocabulary.decode(greedy["words"][place, 0, : int(greedy["lengths"][place, 0])])
        for sample in range(3):
            ids = targets[place, sample]
            expected = made.reward(
                [vocabulary.decode(ids), usual], [vocabulary.end_id in ids, True], [made.rows[image]] * 2
            )
            assert advantages[place, sample] == pytest.approx(expected[0] - expected[1], abs=1e-6)
    assert np.unique(targets.reshape(6, -1), axis=0).shape[0] > 1, "captions of one image are drawn, not repeated"


def test_a_drawn_caption_is_followed_by_padding_and_a_cut_one_has_no_end():
    made = batches()
    drawn = {
        "words": np.array([[[4, 5, 2, 2, 2], [4, 5, 6, 4, 5]]]),
        "lengths": np.array([[2, 5]]),
        "ended": np.array([[True, False]]),
    }
    assert made.as_ids(drawn, np.array([True])).tolist() == [[[1, 4, 5, 2, 0, 0], [1, 4, 5, 6, 4, 5]]]


def test_places_that_fill_up_a_batch_teach_nothing():
    made = batches()
    _, targets, advantages = made.batch(np.array([3, -1]), [0, 0, 0])
    assert not advantages[1].any() and not targets[1].any() and advantages[0].any()


def test_a_run_that_goes_on_draws_what_it_would_have_drawn():
    made = batches()
    whole, rest = list(made.epoch(1)), list(made.epoch(1, skip=2))
    assert len(whole) == 3 and len(rest) == 1
    for one, other in zip(keras.tree.flatten(whole[2]), keras.tree.flatten(rest[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(whole[0][1], next(iter(made.epoch(2)))[1])


def test_each_batch_is_drawn_from_the_weights_of_its_time():
    """Batches fetched ahead would be rewarded for what the model no longer does."""
    made = batches()
    weights = [np.asarray(weight) for weight in made.sampler.weights]
    iterator = iter(made.epoch(0))
    next(iterator)
    for weight in made.sampler.weights:
        weight.assign(weight * 0.0)
    moved = next(iterator)
    other = batches()
    for weight, value in zip(other.sampler.weights, weights, strict=True):
        weight.assign(value)
    unmoved = list(other.epoch(0))[1]
    assert not np.array_equal(moved[1], unmoved[1])


def test_training_goes_on_from_a_preset_and_says_what_was_earned(tmp_path):
    root = tmp_path / "shapes"
    shapes.draw(root, sizes={"train": 16, "dev": 4}, image_size=32)
    small = [
        "encoder.image_size=16", "encoder.channels=8", "decoder.units=6", "decoder.embedding_size=5",
        "decoder.attention_size=4", "text.max_length=7", "search.max_words=5", "training.epochs=1",
        "training.images_per_batch=8", "training.select_by=cider_d",
    ]  # fmt: skip
    critical = load_recipe("shapes", [*small, "training.objective=self_critical", "training.samples_per_image=2"])
    with pytest.raises(UserError, match="--init-from"):
        training.train(critical, tmp_path / "critical", data=root)
    quiet = Show(quiet=True)
    training.train(load_recipe("shapes", small), tmp_path / "first", data=root, show=quiet)
    training.train(critical, tmp_path / "critical", data=root, init_from=tmp_path / "first", show=quiet)
    assert "reward" in (tmp_path / "critical" / "metrics.csv").read_text().splitlines()[0]
    before, after = (ImageCaptioner.from_preset(tmp_path / name).network for name in ("first", "critical"))
    assert any(
        not np.array_equal(one, other) for one, other in zip(before.get_weights(), after.get_weights(), strict=True)
    )
