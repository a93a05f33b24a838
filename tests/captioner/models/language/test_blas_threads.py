"""Threads of NumPy's products: chosen, given back, and of no influence on the result."""

import numpy as np
import pytest

from captioner.models.language.blas_threads import _control, blas_threads
from captioner.models.language.numpy_lstm import COLUMNS, Pace


def test_the_number_is_given_back_even_after_an_error():
    if _control() is None:
        pytest.skip("NumPy was built with another library")
    get, _ = _control()
    before = get()
    with pytest.raises(KeyError), blas_threads(1):
        assert get() == 1
        raise KeyError
    assert get() == before


@pytest.mark.parametrize("rows", [64, 100, 192, 512, 1024])
@pytest.mark.parametrize("columns", [3, 17, 64])
def test_one_and_two_threads_give_the_same_bits(rows, columns):
    """Else the same seed would write another text on a machine that is busy."""
    random = np.random.default_rng(rows)
    weights = random.normal(size=(rows, columns * COLUMNS)).astype("float32")
    vector = random.normal(size=rows).astype("float32")
    found = []
    for threads in (1, 2, 1):
        with blas_threads(threads):
            found.append(np.dot(vector, weights))
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_two_threads_are_used_while_they_are_faster():
    pace = Pace()
    assert pace.next() == (1, 8)
    pace.took(1, 2.0)
    assert pace.next() == (2, 2), "two are tried once it is known what one takes"
    pace.took(2, 1.0)
    assert pace.next() == (2, 8)
    pace.took(2, 2.5)
    assert pace.next() == (2, 8), "one slow word is no reason to change"
    pace.took(2, 9.0)
    assert pace.next() == (1, 8), "the machine has other work to do"
    groups = 0
    while pace.next()[0] == 1:
        pace.took(1, 2.0)
        groups += 1
    pace.took(2, 2.1)
    again = 0
    while pace.next()[0] == 1:
        pace.took(1, 2.0)
        again += 1
    assert again == 2 * groups, "what was in vain is tried less and less often"
