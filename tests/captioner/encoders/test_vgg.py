"""VGG16 as Keras has it: the encoder has to give its very numbers. (Other tests use a narrow one.)"""

import keras
import numpy as np
from keras import ops

from captioner.encoders.fingerprint import fingerprint, same_weights
from captioner.encoders.vgg import VGG16Encoder
from tests.support_encoders import some_images

SIZE = 32


def normalised(places):
    """Layer normalisation over channels, before it has learned anything."""
    centred = places - places.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)


def test_vgg_gives_what_keras_gives(tmp_path):
    """Wrong if the cut is at another layer, weights go elsewhere, or places are not laid out row by row."""
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    generator = np.random.default_rng(7)
    for variable in network.weights:
        size = 0.1 if len(variable.shape) == 1 else np.sqrt(2 / np.prod(variable.shape[:-1]))
        variable.assign(size * generator.standard_normal(variable.shape, np.float32))
    path = tmp_path / "vgg16_notop.weights.h5"
    network.save_weights(path)

    def encoder(**options):
        return VGG16Encoder(weights=str(path), image_size=SIZE, half_precision=False, **options)

    grid, pooled, trained = encoder(), encoder(pool=2), encoder(pool=2, train_last_block=True)
    images = some_images(grid)
    for ours, layer in ((grid, "block5_conv3"), (pooled, "block5_pool"), (trained, "block5_pool")):
        expected = keras.Model(network.input, network.get_layer(layer).output).predict_on_batch(images)
        if ours is not trained:
            np.testing.assert_allclose(ours.backbone.predict(images), expected, rtol=2e-3, atol=1e-3 * expected.max())
        memory = ops.convert_to_numpy(ours(images))
        assert memory.shape == (len(images), ours.grid[0] * ours.grid[1], 512)
        np.testing.assert_allclose(memory, normalised(expected.reshape(memory.shape)), atol=0.02)
    assert trained.backbone.cut == "block4_pool"
    block = [weight for weight in trained.trainable_weights if "block5" in weight.path]
    assert len(block) == 6, "block 5 has three kernels and three biases"
    assert same_weights(grid.weights_fingerprint, fingerprint(network.get_weights()))
