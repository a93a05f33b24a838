"""Several views of each image in the cache, and one of them in each epoch."""

import numpy as np
import pytest
from PIL import Image

from captioner.encoders.vgg import VGG16Encoder
from captioner.encoders.vgg_small import SmallVGGEncoder
from captioner.errors import UserError
from captioner.images.augment import augment, augmentations_of
from captioner.images.decode import load_image
from captioner.text.vocabulary import Vocabulary
from pipelines.data.features import extract as features
from pipelines.data.features.augmented import AugmentedSource, open_augmented, plan_augmented
from pipelines.data.features.extract import FeatureExtraction
from pipelines.data.features.sources import open_source
from pipelines.tasks.captioning.batches import CaptionBatches
from tests.support_encoders import narrow_networks

SIZE, COUNT = 32, 5


@pytest.fixture(scope="module")
def encoder():
    with narrow_networks():
        return VGG16Encoder(weights="none", pool=2, image_size=SIZE, half_precision=False)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        Image.fromarray(np.fliplr(pixels)).save(folder / f"{number}-flipped.png")
    return [folder / f"{number}.png" for number in range(COUNT)]


@pytest.fixture(scope="module")
def viewed(encoder, photographs, tmp_path_factory):
    """The cache's folder, what was said, and the source."""
    cache, said = tmp_path_factory.mktemp("cache"), []
    source, problems = open_augmented(encoder, photographs, cache, augmentations_of(["flip"]), 7, log=said.append)
    assert not problems
    return cache, said, source


def shards(cache):
    return {path.relative_to(cache): path.read_bytes() for path in sorted(cache.rglob("*.npy"))}


def test_the_plain_view_has_the_same_bytes_as_without_others(encoder, photographs, viewed, tmp_path):
    """Evaluation and captions use the plain view: it must be in the same place, and the same."""
    alone, _ = open_source(encoder, photographs, tmp_path)
    everything = list(range(COUNT))
    assert np.array_equal(alone.read(everything), viewed[2].read(everything))
    plain, both = shards(tmp_path), shards(viewed[0])
    assert len(both) == 2 * len(plain) and plain.items() <= both.items()


def test_a_flipped_view_is_what_the_network_sees_of_the_flipped_image(encoder, photographs, viewed):
    """Flipping the grid of features instead would be wrong: filters are not symmetric."""
    flipped = viewed[2].sources[1].read(list(range(COUNT)))
    for number, path in enumerate(photographs):
        pixels = load_image(path.with_name(f"{number}-flipped.png"), encoder.spec)
        again = np.asarray(encoder.backbone.predict(np.stack([pixels] * 16)))[0]
        assert np.array_equal(flipped[number], again)
    assert np.abs(flipped.astype(float) - viewed[2].read(list(range(COUNT)))).max() > 0.01


def test_the_size_of_all_views_is_told_before_and_nothing_is_computed_twice(encoder, photographs, viewed):
    cache, (said,), _ = viewed
    each = 2 * int(np.prod(encoder.backbone_shape))
    assert f"2 views of each training image (plain, flip). {2 * COUNT} of {2 * COUNT} images are to be encoded" in said
    assert f"{2 * COUNT * each} bytes" in said or f"{2 * COUNT * each / 1000:.1f} kB" in said
    assert plan_augmented(encoder, photographs, cache, augmentations_of(["flip"])).new == 0
    more = plan_augmented(encoder, photographs, cache, augmentations_of(["flip", "crops"]))
    assert (more.new, more.bytes_needed) == (4 * COUNT, 4 * COUNT * each)


def test_there_is_room_for_all_views_or_none_is_computed(encoder, photographs, tmp_path, monkeypatch):
    """Otherwise an hour of encoding ends in a full disk."""
    free = 2 * int(np.prod(encoder.backbone_shape)) * COUNT + 1  # enough for one of them
    monkeypatch.setattr(features.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    with pytest.raises(UserError, match="need"):
        open_augmented(encoder, photographs, tmp_path, augmentations_of(["flip"]), 0)
    assert not list(tmp_path.rglob("*.npy"))


def make_batches(source):
    vocabulary = Vocabulary(["a", "b"])
    return CaptionBatches(source, [["a b"]] * COUNT, vocabulary, 5, 2, 1, seed=0)


def images(batches, *epoch):
    return [np.asarray(inputs["image"]) for inputs, _ in batches.epoch(*epoch)]


def test_an_epoch_shows_each_image_in_one_view_and_goes_on_with_the_same(viewed):
    """A run that was stopped in the middle of an epoch would otherwise see other images than one that was not."""
    source, batches = viewed[2], make_batches(viewed[2])
    seen = []
    for epoch in range(6):
        whole = images(batches, epoch)
        order, mask = batches.order(epoch)
        for step, batch in enumerate(whole):
            for row in np.flatnonzero(mask[step]):
                image = order[step][row]
                view = int(source.choose([image], epoch)[0])
                assert np.array_equal(batch[row], source.sources[view].read([image])[0])
                seen.append((int(image), view))
        for one, other in zip(
            images(make_batches(AugmentedSource(source.sources, 7)), epoch, 1), whole[1:], strict=True
        ):
            assert np.array_equal(one, other)
    assert len(set(seen)) == 2 * COUNT, "each image is seen in each view sooner or later"


def test_encoders_that_are_trained_whole_see_views_of_pixels(photographs, tmp_path):
    encoder = SmallVGGEncoder(image_size=SIZE, channels=8)
    source, problems = open_augmented(encoder, photographs, tmp_path, augmentations_of(["flip", "crops"]), 0)
    plain = source.read([3])[0]
    for view, own in zip(augmentations_of(["flip", "crops"]), source.sources, strict=True):
        assert np.array_equal(own.read([3])[0], augment(plain, view))
    assert not problems and not list(tmp_path.iterdir()), "nothing is kept"


def test_an_unreadable_image_is_told_once(encoder, photographs, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    source, problems = open_augmented(
        encoder, [photographs[0], broken], tmp_path / "cache", augmentations_of(["flip"]), 0
    )
    assert source.readable.tolist() == [True, False] and [problem.path for problem in problems] == [broken]


def test_the_view_is_part_of_the_cache_and_of_nothing_else(encoder, photographs, viewed, tmp_path):
    store = FeatureExtraction(encoder, photographs, viewed[0], augmentation="flip").run()
    assert np.array_equal(store.read([2]), viewed[2].sources[1].read([2]))
