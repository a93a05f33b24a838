"""Training on captions that the model draws itself."""

import csv
from contextlib import contextmanager
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from captioner.decoding.beam import BeamOptions
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.networks import CaptionNetwork, CaptionSearcher
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from captioner.training.policy_gradient import PolicyGradient
from captioner.training.rewards import CaptionReward
from pipelines.data.datasets import shapes
from pipelines.recipes.recipe import load_recipe
from pipelines.tasks.captioning.batches import CaptionBatches
from pipelines.tasks.captioning.self_critical import SelfCriticalBatches
from pipelines.tasks.captioning.train import compile_captioner
from pipelines.training.checkpoint import FILE, read_progress
from pipelines.training.dry_run import dry_run
from pipelines.training.experiment import train
from pipelines.utils.progress import Reporter

CAPTIONS = [["a red dot"], ["a blue dot", "one blue dot"], ["two dots"], ["a red dot"], ["no dot"]]
SMALL = {
    "encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
    "decoder": {"units": 6, "embedding_size": 5, "attention_size": 4, "dropout": 0.0},
    "text": {"minimum_count": 1, "max_length": 6},
}


pytestmark = pytest.mark.usefixtures("eager_training")


def batches(reward=None, readable=(True, True, True, True, True), **options):
    keras.utils.set_random_seed(0)
    vocabulary = Vocabulary.from_captions(text for texts in CAPTIONS for text in texts)
    captioner = ImageCaptioner(CaptionerSettings(**SMALL), vocabulary)
    pixels = np.random.default_rng(0).normal(size=(len(CAPTIONS), 16, 16, 3)).astype("float32")
    source = SimpleNamespace(readable=np.array(readable), read=lambda indices: pixels[indices])
    plain = CaptionBatches(source, CAPTIONS, vocabulary, 6, 2, 1, seed=0)
    made = SelfCriticalBatches(plain, CAPTIONS, captioner, 3, reward or {"cider_d": 1.0}, **options)
    return randomised(made)


def randomised(made):
    """Fresh weights give each word the same chance: the greedy caption would be as bad as the drawn ones."""
    random = np.random.default_rng(1)
    for weight in made.sampler.decoder.weights:
        weight.assign(random.normal(0, 0.7, weight.shape))
    return made


def test_the_advantage_is_what_a_caption_earned_beyond_the_greedy_one():
    made = batches({"bleu_4": 1.0})
    searcher = CaptionSearcher(made.sampler.image_encoder, made.sampler.decoder, BeamOptions(1, made.max_length - 1))
    inputs, targets, advantages = made.batch(np.array([1, 2]), np.array([True, True]), [0, 0, 0])
    vocabulary = made.vocabulary
    assert targets.shape == (2, 3, 5) and (inputs["words"][:, :, 0] == vocabulary.start_id).all()
    greedy = searcher(inputs["image"])
    for place, image in enumerate((1, 2)):
        words = np.asarray(greedy["words"])[place, 0]
        length = int(greedy["lengths"][place, 0])
        usual = [vocabulary.decode(words[:length])], [length < made.max_length - 1], [made.rows[image]]
        for sample in range(3):
            ids = targets[place, sample]
            own = [vocabulary.decode(ids)], [vocabulary.end_id in ids], [made.rows[image]]
            expected = made.reward(*own) - made.reward(*usual)
            assert advantages[place, sample] == pytest.approx(expected[0], abs=1e-6)
    assert np.unique(targets.reshape(6, -1), axis=0).shape[0] > 1, "captions of one image are drawn, not repeated"


def test_a_caption_is_rewarded_by_the_references_of_its_own_image():
    """Images that cannot be read shift the rows of those behind them."""
    made = batches({"bleu_4": 1.0}, readable=(False, True, True, True, True))
    for image in (1, 2, 4):
        (ids,) = [made.vocabulary.encode_words(CAPTIONS[image][0].split())]
        words, lengths, ended = np.array([[ids]]), np.array([[len(ids)]]), np.array([[True]])
        alone = CaptionReward([[text.split() for text in CAPTIONS[image]]], {"bleu_4": 1.0})
        expected = alone([made.vocabulary.decode(ids)], [True], [0])
        assert made.rewards_of(words, lengths, ended, np.array([image])).item() == pytest.approx(expected.item())
        other = made.rewards_of(words, lengths, ended, np.array([3])).item()
        assert other < expected.item(), "references that reward everything alike prove nothing"


def test_the_advantage_over_the_other_drawn_captions_sums_to_nothing():
    """Leave-one-out: a caption that counted in its own baseline would be pulled towards no advantage at all."""
    made = batches(baseline="samples")
    rewards = np.array([[1.0, 2.0, 6.0], [0.5, 0.5, 0.5]])
    expected = [[-3.0, -1.5, 4.5], [0.0, 0.0, 0.0]]  # 1 - (2 + 6) / 2, and so on
    np.testing.assert_allclose(rewards - made.baseline_of(rewards), expected)
    _, targets, advantages = made.batch(np.array([1, 2]), np.array([True, True]), [0, 0, 0])
    assert advantages.shape == (2, 3) and targets.shape == (2, 3, 5) and np.abs(advantages).max() > 0
    np.testing.assert_allclose(advantages.sum(axis=1), 0.0, atol=1e-6)
    with pytest.raises(UserError, match="samples_per_image to two"):
        SelfCriticalBatches(made.batches, CAPTIONS, made, 1, {"cider_d": 1.0}, "samples")


def test_a_caption_that_was_cut_is_not_ended_be_it_drawn_or_greedy():
    """A greedy caption that was given its end would set drawn ones too high a mark."""
    made, seen = batches(), []
    made.reward = lambda texts, ended, images: seen.extend(ended) or np.zeros(len(texts))
    end = made.vocabulary.end_id
    made.sampler.decoder.output_bias.assign(np.where(np.arange(len(made.vocabulary)) == end, -50.0, 0.0))
    inputs, targets, _ = made.batch(np.array([0, 1]), np.array([True, True]), [0, 0, 0])
    assert len(seen) == 2 * (3 + 1) and not any(seen)
    assert (targets > 3).all() and end not in inputs["words"]


def test_what_is_learned_is_the_likelihood_that_captions_were_drawn_with(monkeypatch):
    """With dropout, or with words in it that are never drawn, the gradient would be that of another model."""
    recipe = load_recipe("shapes", ["training.objective=self_critical", "training.temperature=0.5"])
    recipe = recipe.model_copy(update={"decoder": recipe.decoder.model_copy(update={"dropout": 0.5})})
    made = batches(temperature=0.5)
    made.sampler.decoder.dropout.rate = 0.5
    network = compile_captioner(recipe.training, made.sampler, 1)
    noise = np.random.default_rng(0).random((2, 3, 5)).astype("float32")
    image = made.batches.source.read([0, 1])
    drawn = {name: np.asarray(part) for name, part in made.sampler({"image": image, "noise": noise}).items()}
    ids = made.token_ids(drawn["words"], drawn["lengths"], drawn["ended"], np.array([True, True]))[:, :3]
    logits = network({"image": image, "words": ids[:, :, :-1]}, training=True)
    for row, caption in np.ndindex(2, 3):
        weight = np.zeros((2, 3), "float32")
        weight[row, caption] = 1.0
        words = int((ids[:, :, 1:] != 0).sum())
        learned = -words * float(network.loss(ids[:, :, 1:], logits, weight))
        own, expected = np.asarray(logits)[row, caption].astype(float) / 0.5, 0.0
        for step, word in enumerate(ids[row, caption, 1:]):
            if word:
                never = [0, 1, 3] + ([2] if step == 0 else [])  # padding, start, unknown; and no caption is empty
                chances = np.delete(np.exp(own[step]), never)
                expected += own[step][word] - np.log(chances.sum())
        assert learned == pytest.approx(expected, abs=1e-4)


def test_a_drawn_caption_is_followed_by_padding_and_a_cut_one_has_no_end():
    words = np.array([[[4, 5, 2, 2, 2], [4, 5, 6, 4, 5]]])
    ids = batches().token_ids(words, np.array([[2, 5]]), np.array([[True, False]]), np.array([True]))
    assert ids.tolist() == [[[1, 4, 5, 2, 0, 0], [1, 4, 5, 6, 4, 5]]]


def test_places_that_fill_up_a_batch_teach_nothing():
    made = batches()
    inputs, targets, advantages = made.batch(np.array([3, 1]), np.array([True, False]), [0, 0, 0])
    assert not advantages[1].any() and not targets[1].any() and advantages[0].any()
    np.testing.assert_array_equal(inputs["image"], made.batches.source.read([3, 1]))


def test_a_run_that_goes_on_draws_what_it_would_have_drawn():
    made = batches()
    whole, rest = list(made.epoch(1)), list(made.epoch(1, skip=2))
    assert len(whole) == 3 and len(rest) == 1
    for one, other in zip(keras.tree.flatten(whole[2]), keras.tree.flatten(rest[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(whole[0][1], next(iter(made.epoch(2)))[1])


def test_each_batch_is_drawn_from_the_weights_of_its_time(monkeypatch):
    """Batches fetched ahead, as tf.data and `fit` like to, would be rewarded for what the model no longer does."""
    made, events = batches(), []
    real_batch = made.batch
    monkeypatch.setattr(made, "batch", lambda *given: events.append("drawn") or real_batch(*given))
    network = CaptionNetwork(made.sampler.image_encoder, made.sampler.decoder)
    learned = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: events.append("learned"))
    network.compile(loss=PolicyGradient(), optimizer="sgd")
    network.fit(made.epoch(0), shuffle=False, verbose=0, callbacks=[learned])
    assert events == ["drawn", "learned"] * made.steps


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Drawn scenes, settings of a small model, and a preset of it."""
    root, run = tmp_path_factory.mktemp("data") / "shapes", tmp_path_factory.mktemp("runs") / "first"
    shapes.draw(root, sizes={"train": 24, "dev": 4}, image_size=32)
    small = [
        "encoder.image_size=16", "encoder.options.channels=8", "decoder.units=6", "decoder.embedding_size=5",
        "decoder.attention_size=4", "text.max_length=7", "search.max_words=5", "training.epochs=1",
        "training.images_per_batch=8", "training.select_by=cider_d",
    ]  # fmt: skip
    train(load_recipe("shapes", small), run, data=root, reporter=Reporter(quiet=True))
    critical = [*small, "training.objective=self_critical", "training.samples_per_image=2", "training.warmup_steps=0"]
    return root, critical, run


def test_training_goes_on_from_a_preset_and_says_what_was_earned(first, tmp_path):
    root, critical, preset = first
    with pytest.raises(UserError, match="--init-from"):
        train(load_recipe("shapes", critical), tmp_path / "critical", data=root)
    reporter = Reporter(quiet=True)
    train(load_recipe("shapes", critical), tmp_path / "critical", data=root, init_from=preset, reporter=reporter)
    head = (tmp_path / "critical" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert "reward" in head and "dev_cross_entropy" in head and "dev_loss" not in head
    before, after = (ImageCaptioner.from_preset(folder).network for folder in (preset, tmp_path / "critical"))
    assert any(
        not np.array_equal(one, other) for one, other in zip(before.get_weights(), after.get_weights(), strict=True)
    )


class Stopping(Reporter):
    """Ctrl-C in the middle of the first epoch."""

    @contextmanager
    def epoch(self, *_):
        def tell(step, loss):
            if step == 2:
                raise KeyboardInterrupt

        yield tell


@pytest.mark.long
@pytest.mark.parametrize("baseline", ["greedy", "samples"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(first, tmp_path, baseline):
    """What was earned before the stop belongs to the epoch's mean, and the captions drawn are the same."""
    root, critical, preset = first
    recipe = load_recipe(
        "shapes", [*critical, f"training.baseline={baseline}", "training.checkpoint_minutes=1e-9", "training.epochs=2"]
    )
    options = {"data": root, "init_from": preset}
    train(recipe, tmp_path / "whole", reporter=Reporter(quiet=True), **options)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "stopped", reporter=Stopping(quiet=True), **options)
    assert read_progress(tmp_path / "stopped")["step"] == 1
    train(recipe, tmp_path / "stopped", reporter=Reporter(quiet=True), **options)
    one, other = (
        [{name: value for name, value in row.items() if "seconds" not in name} for row in csv.DictReader(lines)]
        for lines in ((tmp_path / name / "metrics.csv").read_text().splitlines() for name in ("whole", "stopped"))
    )
    assert [
        {name: (row[name], again[name]) for name in row if row[name] != again[name]}
        for row, again in zip(one, other, strict=True)
    ] == [{}, {}]
    assert len({row["reward"] for row in one}) == 2
    with np.load(tmp_path / "whole" / FILE) as one, np.load(tmp_path / "stopped" / FILE) as other:
        assert [name for name in one.files if not np.array_equal(one[name], other[name])] == ["progress"]


def test_what_it_costs_is_told_before(first):
    root, critical, preset = first
    cost = dry_run(load_recipe("shapes", critical), data=root, init_from=preset, reporter=Reporter(quiet=True))
    assert cost.steps == 3 and cost.epoch_seconds > 0
