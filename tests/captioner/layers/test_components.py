"""Principal components: what they are, and that they are found in batches and kept."""

import keras
import numpy as np
import pytest
from keras import ops

from captioner.layers.components import PrincipalComponents


def fitted(features, components, size=7):
    layer = PrincipalComponents(components)
    layer.build((None, features.shape[-1]))
    held = layer.adapt(features[start : start + size] for start in range(0, len(features), size))
    return layer, held


def some_features(count=60, size=5):
    generator = np.random.default_rng(3)
    mixed = generator.normal(size=(size, size))
    return (generator.normal(size=(count, size)) * [5, 3, 1, 0.5, 0.1] @ mixed + 2).astype("float32")


def test_two_directions_by_hand():
    """Points on the axes of an ellipse: (±3, 0), (0, ±1), moved by (10, 20); variances 9 / 2 and 1 / 2."""
    points = np.array([[13, 20], [7, 20], [10, 21], [10, 19]], "float32")
    layer, held = fitted(points, 1)
    assert held == pytest.approx(0.9)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(points))[:, 0], [2**0.5, -(2**0.5), 0, 0], atol=1e-6)


def test_what_is_told_varies_by_one_and_in_no_common_direction():
    """Wrong if batches are weighed wrongly, the mean is forgotten or the smallest directions are kept."""
    features = some_features()
    layer, held = fitted(features, 3)
    told = ops.convert_to_numpy(layer(features))
    np.testing.assert_allclose(np.cov(told.T, bias=True), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(told.mean(axis=0), 0, atol=1e-4)
    values = np.linalg.svd(features - features.mean(axis=0), compute_uv=False) ** 2
    assert held == pytest.approx(values[:3].sum() / values.sum(), rel=1e-4)
    np.testing.assert_allclose(fitted(features, 3, size=60)[0].projection, layer.projection, atol=1e-4)


def test_places_of_a_grid_are_features():
    grid = some_features().reshape(3, 4, 5, 5)
    layer, _ = fitted(grid, 2, size=1)
    np.testing.assert_allclose(layer.mean, grid.reshape(-1, 5).mean(axis=0), rtol=1e-5)
    assert layer(grid).shape == layer.compute_output_shape(grid.shape) == (3, 4, 5, 2)


def test_what_does_not_vary_is_left_out():
    """Divided by its deviation, rounding noise would be told as loudly as the picture."""
    features = np.repeat(np.arange(6, dtype="float32")[:, None], 3, axis=1)  # they differ in one direction
    layer, held = fitted(features, 3)
    told = ops.convert_to_numpy(layer(features + np.array([0, 1, -1], "float32")))  # a step in another
    np.testing.assert_allclose(told[:, 0], (np.arange(6) - 2.5) / np.arange(6).std(), atol=1e-3)
    np.testing.assert_array_equal(told[:, 1:], 0)
    assert held == pytest.approx(1)


def test_it_is_kept_and_never_trained(tmp_path):
    layer, _ = fitted(some_features(), 2)
    assert not layer.trainable_weights and len(layer.weights) == 2
    again = PrincipalComponents.from_config(layer.get_config())
    again.build((None, 5))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(some_features()), layer(some_features()))
    assert keras.saving.get_registered_name(PrincipalComponents) == "captioner>PrincipalComponents"


@pytest.mark.parametrize("components", [0, 6])
def test_as_many_as_there_can_be(components):
    with pytest.raises(ValueError, match="have 1 to 5 components"):
        PrincipalComponents(components).build((None, 5))


def test_one_feature_is_not_enough():
    layer = PrincipalComponents(1)
    layer.build((None, 5))
    with pytest.raises(ValueError, match="two features at least, received 1"):
        layer.adapt([np.zeros((1, 5))])
