"""Weights files of strangers: what does not fit, or leads elsewhere, is refused before it is loaded."""

import h5py
import numpy as np
import pytest

from captioner.errors import UserError
from captioner.presets.weights import check_weights


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 4), "float16")
        file["layers/dense/vars/1"] = np.zeros(4, "float32")
        file["layers/dropout/seed/vars/0"] = np.zeros(2, "uint32")  # no weight
        file["optimizer/vars/0"] = np.zeros(99, "float32")  # not loaded
    return tmp_path / "model.weights.h5"


def test_weights_that_fit_are_let_through(path):
    check_weights(path, 16)


@pytest.mark.parametrize("numbers", [15, 17, 0])
def test_another_number_of_weights_is_refused(path, numbers):
    """Wrong if a model with random weights in places writes nonsense without a word."""
    with pytest.raises(UserError, match=r"model\.weights\.h5 does not fit config\.json.*holds 16 numbers"):
        check_weights(path, numbers)


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/x"), h5py.SoftLink("/layers")])
def test_links_are_refused(path, link):
    """Wrong if a preset of a stranger can make the program open other files."""
    with h5py.File(path, "a") as file:
        file["layers/more"] = link
    with pytest.raises(UserError, match="is a link to another place or file"):
        check_weights(path, 16)


def test_numbers_of_another_file_are_refused(path, tmp_path):
    (tmp_path / "other").write_bytes(bytes(64))
    with h5py.File(path, "a") as file:
        file.create_dataset("layers/more", (4,), "float32", external=[(str(tmp_path / "other"), 0, 16)])
    with pytest.raises(UserError, match="takes its numbers from another file"):
        check_weights(path, 20)


def test_a_size_that_would_fill_the_memory_is_refused(path):
    """A file of some kilobytes can claim terabytes."""
    with h5py.File(path, "a") as file:
        file.create_dataset("layers/huge", (10**6, 10**6), "float32", chunks=(100, 100))
    assert path.stat().st_size < 10**5
    with pytest.raises(UserError, match="does not fit"):
        check_weights(path, 16)


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + b"\xff" * 200])
def test_what_is_no_weights_file_is_a_sentence(tmp_path, content):
    (tmp_path / "w.h5").write_bytes(content)
    with pytest.raises(UserError, match=r"w\.h5 is damaged"):
        check_weights(tmp_path / "w.h5", 1)
