"""Requests of many clients in batches: each gets its own result, whatever happens to the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.serving.batching import Batcher, Overloaded


def test_every_client_gets_its_own_result_and_keys_are_not_mixed():
    batches = []

    def compute(key, items):
        batches.append((key, list(items)))
        return [f"{key}{item}" for item in items]

    batcher = Batcher(compute, batch_size=4, patience=0.02, capacity=1000)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: batcher.submit("ab"[n % 2], [n])[0].result(10), range(200)))
    batcher.close()
    assert found == [f"{'ab'[n % 2]}{n}" for n in range(200)]
    assert all(1 <= len(items) <= 4 for _, items in batches)
    assert all({n % 2 for n in items} == {"ab".index(key)} for key, items in batches)
    assert len(batches) < 200, "nothing was combined"


def gate():
    """A batcher whose first batch waits until `opened` is set, and what it computed."""
    opened, computed = threading.Event(), []

    def compute(key, items):
        opened.wait(10)
        computed.extend(items)
        return list(items)

    return Batcher(compute, batch_size=1, patience=0, capacity=3), opened, computed


def test_a_full_queue_is_refused_and_a_client_that_leaves_frees_its_place():
    batcher, opened, computed = gate()
    batcher.submit("a", ["first"])
    while batcher.queued:
        time.sleep(0.001)  # the first is being computed
    waiting = batcher.submit("a", [1, 2, 3])
    with pytest.raises(Overloaded):
        batcher.submit("a", [4])
    assert batcher.queued == 3, "a part of a request that was refused waits"
    assert waiting[1].cancel()
    last = batcher.submit("a", [5])
    opened.set()
    assert last[0].result(10) == 5
    batcher.close()
    assert computed == ["first", 1, 3, 5], "what nobody waits for any more was computed"


def test_closing_finishes_what_was_begun():
    batcher, opened, computed = gate()
    futures = batcher.submit("a", [1, 2])
    threading.Timer(0.05, opened.set).start()
    batcher.close()
    assert [future.result(0) for future in futures] == [1, 2] == computed
    with pytest.raises(Overloaded):
        batcher.submit("a", [3])


def test_an_error_is_that_of_its_batch_alone():
    def compute(key, items):
        if key == "bad":
            raise ValueError("no")
        return list(items)

    batcher = Batcher(compute)
    with pytest.raises(ValueError, match="no"):
        batcher.submit("bad", [1])[0].result(10)
    assert batcher.submit("good", [2])[0].result(10) == 2
    batcher.close()


def test_a_client_alone_waits_for_nobody_and_several_for_each_other():
    """Wrong if each of a single client's requests took the patience on top."""
    batches = []

    def compute(key, items):
        batches.append(list(items))
        return list(items)

    batcher = Batcher(compute, batch_size=2, patience=60)
    assert batcher.submit("a", [1])[0].result(10) == 1
    assert [future.result(10) for future in batcher.submit("a", [2, 3])] == [2, 3]
    futures = batcher.submit("a", [4]) + batcher.submit("a", [5])
    assert [future.result(10) for future in futures] == [4, 5]
    batcher.close()
    assert batches == [[1], [2, 3], [4, 5]]
