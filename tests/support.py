"""What every cell and every decoder must be: `check_cell` and `check_decoder`.

If a part needs an exception from these checks, the part is wrong.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def randomise(layer, seed=0, scale=0.7):
    """Gives every weight, biases too, random values: zeros and symmetry would hide faults."""
    random = np.random.default_rng(seed)
    for variable in layer.weights:
        variable.assign(random.normal(0, scale, variable.shape))
    return layer


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def arrays(nest):
    return [np.asarray(ops.convert_to_numpy(values)) for values in keras.tree.flatten(nest)]


def assert_equal(left, right, tolerance=1e-5, why=""):
    for one, other in zip(arrays(left), arrays(right), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=why)


def serialised(layer):
    """The layer as it comes back from a file."""
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))


def assert_every_weight_learns(layer, forward):
    """Every trainable weight has a gradient that is not zero everywhere."""
    with tf.GradientTape() as tape:
        outputs = [ops.convert_to_tensor(output) for output in keras.tree.flatten(forward())]
        # Weighted by noise: a plain sum is constant where values sum to one.
        loss = sum(ops.sum(output * numbers(*output.shape, seed=n)) for n, output in enumerate(outputs))
    variables = layer.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        assert gradient is not None, f"{variable.path} is never learned: no gradient reaches it"
        size = np.abs(tf.convert_to_tensor(gradient).numpy()).max()
        assert np.isfinite(size) and size > 0, f"{variable.path} is never learned: its gradient is {size}"


def check_cell(make, features=(3, 4)):
    """Serialises, keeps its states' structure, learns every weight, ignores what is masked, equals Keras' own loop.

    Args:
        make: `make(units, **options)` gives a new cell.
        features: sizes of the inputs. With equal sizes only, a swapped matrix would not be seen; but some cells have
            fewer weights where the input is as large as the 4 units.
    """
    for size in features:
        _check_cell(make, size)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        half = keras.layers.RNN(make(4, dtype=policy), return_sequences=True, dtype=policy)
        values = half(30 * numbers(2, 5, features[0]))
        assert keras.backend.standardize_dtype(values.dtype) == policy.removeprefix("mixed_")
        assert np.isfinite(np.asarray(ops.cast(values, "float32"))).all(), f"{policy} overflows"


def _check_cell(make, features):
    units, length = 4, 5
    inputs = numbers(2, length, features)
    cell = make(units)
    cell.build((None, features))
    randomise(cell)
    states = [numbers(2, size, seed=n + 1) for n, size in enumerate(cell.state_sizes())]  # all unequal

    back = serialised(cell)
    assert back.get_config() == cell.get_config(), "a preset would come back with another cell"
    if not back.built:
        back.build((None, features))
    back.set_weights(cell.get_weights())
    assert_equal(back(inputs[:, 0], states), cell(inputs[:, 0], states), why="the cell that came back is another")

    output, new = cell(inputs[:, 0], states)
    assert tuple(output.shape) == (2, cell.output_size)
    assert [tuple(state.shape) for state in new] == [state.shape for state in states], "a loop could not go on"
    assert_equal(
        cell.output_from_state(new),
        output,
        why="a step that is left out would put out something else than the last one",
    )
    initial = cell.get_initial_state(batch_size=2)
    assert [tuple(state.shape) for state in initial] == [state.shape for state in states]
    assert_equal(cell.advance(cell.project(inputs[:, 0]), states), (output, new), why="`call` is not its two parts")
    whole = cell.project(inputs)
    for t in range(length):
        assert_equal(whole[:, t], cell.project(inputs[:, t]), why="projecting a sequence at once gives other values")

    outputs, last = loop(cell, inputs, states)
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True)
    assert_equal(layer(inputs, initial_state=states), (outputs, *last), why="keras.layers.RNN and our loop differ")
    mask = np.array([[True] * length, [True, True] + [False] * (length - 2)])
    masked, *ends = layer(inputs, initial_state=states, mask=mask)
    short, short_ends = loop(cell, inputs[1:, :2], [state[1:] for state in states])
    assert_equal(masked[1:, :2], short, why="padding changed the words before it")
    assert_equal([end[1:] for end in ends], short_ends, why="padding changed the state")
    assert_equal([end[:1] for end in ends], [state[:1] for state in last], why="a mask touched another row")

    assert_every_weight_learns(cell, lambda: loop(cell, inputs, states))


def loop(cell, inputs, states):
    """Our way through a sequence: the input's part at once, then a step at a time."""
    projected, outputs = cell.project(inputs), []
    for t in range(inputs.shape[1]):
        output, states = cell.advance(projected[:, t], states)
        outputs.append(output)
    return ops.stack(outputs, axis=1), states


def check_decoder(make):
    """Serialises, learns every weight, says the same step by step, alone, in a batch and for captions that share an
    image, and drops nothing when it does not learn.

    Args:
        make: `make(**options)` gives a new decoder of 9 words whose options are those of `Decoder`.
    """
    images, captions, length = 3, 2, 4
    memory = numbers(images, 5, 6)
    words = np.random.default_rng(0).integers(1, 9, (images * captions, length))
    decoder = make(dropout=0.5)
    decoder(words, memory)
    randomise(decoder)
    logits, extras = decoder(words, memory)
    assert tuple(logits.shape) == (images * captions, length, 9)
    assert all(values.shape[:2] == (images * captions, length) for values in extras.values())
    for row in range(images * captions):
        others = [np.abs(logits[row] - logits[other]).max() for other in range(images * captions) if other != row]
        assert min(others) > 1e-3, "rows are alike, so nothing below would prove anything"

    assert_equal(by_steps(decoder, words, memory, captions), (logits, extras), why="the step drifted from `call`")
    for image in range(images):
        rows = slice(image * captions, (image + 1) * captions)
        alone = decoder(words[rows], memory[image : image + 1])
        together = logits[rows], {name: values[rows] for name, values in extras.items()}
        assert_equal(alone, together, why=f"image {image} gets other words in a batch")
    repeated = decoder(words, np.repeat(memory, captions, axis=0))
    assert_equal(repeated, (logits, extras), why="captions that share an image are read as if they did not")

    back = serialised(decoder)
    assert back.get_config() == decoder.get_config(), "a preset would come back with another decoder"
    back(words, memory)
    back.set_weights(decoder.get_weights())
    assert_equal(back(words, memory), (logits, extras), why="the decoder that came back computes otherwise")

    assert_every_weight_learns(decoder, lambda: decoder(words, memory))

    sober = make(dropout=0.0)
    sober(words, memory)
    sober.set_weights(decoder.get_weights())
    assert_equal(sober(words, memory, training=True)[0], logits, why="dropout acts where nothing is learned")
    noisy = [arrays(decoder(words, memory, training=True)[0])[0] for _ in range(2)]
    assert np.abs(noisy[0] - arrays(logits)[0]).max() > 1e-3, "dropout does nothing in training"
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3, "dropout drops the same every time"


def by_steps(decoder, words, memory, captions):
    """Free running, with given words in place of chosen ones."""
    image, state = decoder.prepare(memory), decoder.start(memory, captions=captions)
    logits, extras = [], []
    for t in range(words.shape[1]):
        features, state, extra = decoder.step(decoder.read(words[:, t]), state, image)
        logits.append(decoder.logits(features))
        extras.append(extra)
    return ops.stack(logits, axis=1), {name: ops.stack([e[name] for e in extras], axis=1) for name in extras[0]}
