"""Weights files of strangers: what does not fit, or leads elsewhere, is refused before a number of it is read."""

import os
import resource

import h5py
import keras
import numpy as np
import pytest

from captioner.errors import UserError
from captioner.presets.weights import (
    check_weights,
    count_numbers,
    layout_of,
    load_checked_weights,
    read_layout,
    save_weights,
)


@pytest.fixture(scope="module")
def network():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])


KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


@pytest.fixture
def path(tmp_path, network):
    save_weights(network, tmp_path / "model.weights.h5")
    return tmp_path / "model.weights.h5"


def change(path, name, **dataset):
    """Puts another array in the place of one."""
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        if dataset:
            file.create_dataset(name, **dataset)


def refused(path, network, match):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for check in (check_weights, lambda path, network: load_checked_weights(network, path)):
        with pytest.raises(UserError, match=match) as raised:
            check(path, network)
    assert "model.weights.h5" in str(raised.value) and "\n" not in str(raised.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "it was unpacked"  # kilobytes


def test_weights_that_fit_are_let_through(path, network):
    assert layout_of(network) == read_layout(path) == {
        KERNEL: ((3, 4), np.dtype("float32")), BIAS: ((4,), np.dtype("float32"))
    }  # fmt: skip
    check_weights(path, network)
    kernel = np.asarray(network.weights[0])
    save_weights(network, path.with_name("half.weights.h5"), half_precision=True)
    network.weights[0].assign(np.zeros((3, 4)))
    load_checked_weights(network, path.with_name("half.weights.h5"))
    np.testing.assert_allclose(np.asarray(network.weights[0]), kernel, rtol=1e-3)


def test_the_layout_of_a_compiled_network_is_that_of_its_file(tmp_path, network):
    """A training saves its network while it is compiled; whoever loads the file does not compile."""
    trained = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    trained.compile(optimizer="adam", loss="mse", metrics=["mae"])
    trained.fit(np.zeros((2, 3)), np.zeros((2, 4)), verbose=0)
    save_weights(trained, tmp_path / "model.weights.h5")
    check_weights(tmp_path / "model.weights.h5", network)


@pytest.mark.parametrize(
    "name, dataset, reason",
    [
        (KERNEL, {"data": np.zeros((4, 3), "float32")}, r"is float32 of shape \(4, 3\), the model has .*\(3, 4\)"),
        (KERNEL, {"data": np.zeros(12, "float32")}, r"is float32 of shape \(12,\), the model has"),
        (KERNEL, {"data": np.zeros((3, 4), "int32")}, "is int32 of shape"),
        (KERNEL, {"data": np.zeros((3, 4), "float64")}, "is float64 of shape"),
        (KERNEL, {"data": np.zeros((3, 4), ">f4")}, "is >f4 of shape"),
        (KERNEL, {}, "is missing, the model has float32"),
        ("layers/more/vars/0", {"data": np.zeros(3, "float32")}, "the model has missing"),
        ("layers/dropout/seed/vars/0", {"data": np.zeros(2, "uint32")}, "the model has missing"),
        (KERNEL, {"data": np.zeros((3, 4), "complex64")}, "holds no numbers"),
        (KERNEL, {"data": np.zeros((3, 4), "S8")}, "holds no numbers"),
        (KERNEL, {"shape": (3, 4), "dtype": h5py.string_dtype()}, "holds no numbers"),
        (KERNEL, {"data": np.zeros((3, 4), "float32"), "compression": "gzip"}, "is compressed or not there in full"),
        (KERNEL, {"shape": (3, 4), "dtype": "float32"}, "is compressed or not there in full"),
        ("ints", {"shape": (2**30,), "dtype": "int32", "chunks": (2**20,), "compression": "gzip"}, "is compressed"),
        ("huge", {"shape": (10**6, 10**6), "dtype": "float32", "chunks": (100, 100)}, "not there in full"),
        ("huge", {"shape": (10**6, 10**6), "dtype": "float32"}, "not there in full"),
    ],
)  # fmt: skip
def test_an_array_that_the_model_does_not_have_is_refused(path, network, name, dataset, reason):
    """Wrong if a file of kilobytes can fill the memory, or other numbers get into the network without a word."""
    change(path, name, **dataset)
    refused(path, network, reason)


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/x"), h5py.SoftLink("/layers")])
def test_links_are_refused(path, network, link):
    """Wrong if a preset of a stranger can make the program open other files."""
    with h5py.File(path, "a") as file:
        file["layers/more"] = link
    refused(path, network, "is a link to another place or file")


def test_numbers_of_another_file_are_refused(path, network, tmp_path):
    (tmp_path / "other").write_bytes(bytes(64))
    change(path, KERNEL, shape=(3, 4), dtype="float32", external=[(str(tmp_path / "other"), 0, 48)])
    refused(path, network, "takes its numbers from another file")


def test_an_array_that_is_put_together_from_others_is_refused(path, network, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros((3, 4), "float32")
    layout = h5py.VirtualLayout((3, 4), "float32")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "x", (3, 4))
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        file.create_virtual_dataset(KERNEL, layout)
    refused(path, network, "takes its numbers from another file")


def test_a_second_name_of_an_array_is_refused(path, network):
    with h5py.File(path, "a") as file:
        del file[BIAS]
        file[BIAS] = file[KERNEL]
    refused(path, network, "is there a second time")


def test_groups_that_lead_in_circles_are_looked_at_once(tmp_path, network):
    """Thirty groups, each twice in the one before: walking every path would take hours."""
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(30):
            below = group.create_group("a")
            group["b"] = below
            group = below
        group["home"] = file["/"]
    refused(path, network, "is there a second time")


def test_a_deep_nest_of_groups_is_refused(tmp_path, network):
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("a")
    refused(path, network, "nested more than 50 deep")


def test_instructions_in_attributes_are_refused(path, network):
    """Keras reads arrays with such an attribute in another way."""
    with h5py.File(path, "a") as file:
        file[KERNEL].attrs["dtype"] = "bfloat16"
    refused(path, network, "has attributes")


def test_arrays_that_share_their_bytes_are_refused(path, network, monkeypatch):
    """Two arrays of a crafted file may lie at the same place: together they are larger than the file."""
    from captioner.presets import weights

    many = {f"a{number}": ((1000,), np.dtype("float32")) for number in range(10)}
    monkeypatch.setattr(weights, "_scan", lambda file: many)
    refused(path, network, r"has [\d,]+ bytes and says that it holds 40,000")


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + b"\xff" * 200])
def test_what_is_no_weights_file_is_a_sentence(tmp_path, network, content):
    (tmp_path / "model.weights.h5").write_bytes(content)
    refused(tmp_path / "model.weights.h5", network, r"model\.weights\.h5 is damaged")


def test_every_flipped_byte_is_a_sentence_or_the_same_layout(path, network):
    """HDF5 has pointers in its pages: damage must be an error of ours."""
    data, random = path.read_bytes(), np.random.default_rng(0)
    for position in random.integers(0, len(data), 150):
        damaged = bytearray(data)
        damaged[position] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        try:
            check_weights(path, network)
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.skipif(os.name == "nt", reason="no pipes")
def test_a_pipe_is_not_waited_for(tmp_path, network):
    os.mkfifo(tmp_path / "model.weights.h5")
    refused(tmp_path / "model.weights.h5", network, "a file was expected")


def test_numbers_are_counted(path):
    assert count_numbers(read_layout(path)) == 16
