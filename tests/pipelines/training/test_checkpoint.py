"""Checkpoints: everything comes back, and a damaged file is named."""

import keras
import numpy as np
import pytest

from captioner.errors import UserError
from pipelines.training.checkpoint import FILE, read_progress, restore_checkpoint, save_checkpoint, state_variables

AT = {
    "epoch": 2,
    "step": 3,
    "seconds": 0.1,
    "best": {"epoch": 1, "name": "dev_loss", "score": 0.1 + 0.2, "value": -0.3},
    "history": [{"loss": 1e-17, "steps": 5}],
}


def make(units=4, dropout=0.5):
    keras.utils.set_random_seed(units)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(2),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, 100)
    model.compile(optimizer=keras.optimizers.Adam(rate, use_ema=True), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def learn(model, steps):
    """Goes on where the optimizer's counter stands."""
    for _ in range(steps):
        random = np.random.default_rng(int(model.optimizer.iterations))
        model.train_on_batch(random.normal(size=(8, 3)), random.normal(size=(8, 2)))
    return model


def values(model):
    return [np.asarray(variable) for variable in state_variables(model)]


def test_a_training_goes_on_as_if_it_had_never_stopped(tmp_path):
    """Weights, moments, schedule, moving averages and above all the seeds of dropout."""
    model = learn(make(), 3)
    save_checkpoint(tmp_path, model, AT)
    other = make()
    restore_checkpoint(tmp_path, other)
    assert all(np.array_equal(a, b) for a, b in zip(values(model), values(other), strict=True))
    assert read_progress(tmp_path) == AT
    learn(model, 3)
    learn(other, 3)
    assert all(np.array_equal(a, b) for a, b in zip(values(model), values(other), strict=True))
    unseeded = make()
    restore_checkpoint(tmp_path, unseeded)
    for variable in state_variables(unseeded):
        if "seed" in variable.path:
            variable.assign(np.asarray(variable) + 1)
    learn(unseeded, 3)
    assert not all(np.array_equal(a, b) for a, b in zip(values(model), values(unseeded), strict=True))


def test_every_kind_of_state_is_there():
    paths = " ".join(variable.path for variable in state_variables(make()))
    for kind in ("kernel", "moving_mean", "seed_generator", "iteration", "momentum", "velocity", "average", "loss"):
        assert kind in paths, f"no {kind} in a checkpoint"
    model = make()
    assert len({id(variable) for variable in state_variables(model)}) == len(state_variables(model))


def test_a_run_that_has_not_begun_has_no_progress(tmp_path):
    assert read_progress(tmp_path) is None


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"PK" + data[9:]]
)
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    model = make()
    save_checkpoint(tmp_path, model, AT)
    (tmp_path / FILE).write_bytes(damage((tmp_path / FILE).read_bytes()))
    for read in (lambda: read_progress(tmp_path), lambda: restore_checkpoint(tmp_path, model)):
        with pytest.raises(UserError, match=r"checkpoint\.npz is damaged .*Delete it to begin the training again"):
            read()


def test_a_flipped_bit_is_noticed(tmp_path):
    """Weights with one wrong bit would go on training in silence."""
    model = make(units=400)
    save_checkpoint(tmp_path, model, AT)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[len(data) // 2] ^= 16
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(UserError, match=r"checkpoint\.npz is damaged"):
        restore_checkpoint(tmp_path, model)


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(tmp_path):
    save_checkpoint(tmp_path, make(), AT)
    for other in (make(units=5), make(dropout=0.0)):
        before = values(other)
        with pytest.raises(UserError, match=r"checkpoint\.npz belongs to another model"):
            restore_checkpoint(tmp_path, other)
        assert all(np.array_equal(a, b) for a, b in zip(before, values(other), strict=True))


def test_a_write_that_fails_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    """A full disk must not cost the training that is there."""
    model = make()
    save_checkpoint(tmp_path, model, {**AT, "epoch": 1})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match=r"checkpoint.npz cannot be written: the disk is full"):
        save_checkpoint(tmp_path, model, AT)
    assert read_progress(tmp_path) == {**AT, "epoch": 1} and [path.name for path in tmp_path.iterdir()] == [FILE]
