"""Iterators that compute ahead in threads."""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 32, threads: int | None = None
) -> Iterator[Result]:
    """`map(function, items)` in threads, at most `ahead` results early, in the order of `items`.

    The bound keeps memory constant however many items there are, and the order makes a run repeatable.
    Pillow and the hash functions let go of Python's lock while they work, so threads are enough. Closing
    the iterator (or Ctrl-C) drops what has not begun.
    """
    threads = threads or min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    waiting: deque = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def background_iterator(
    make: Callable[[threading.Event], Iterator[Result]], ahead: int = 3, name: str = "work"
) -> Iterator[Result]:
    """What `make` yields, computed in a thread of its own, so that Ctrl-C is heard meanwhile.

    Args:
        make: called with an event that says when to stop, yields the results; what it raises is raised here.
        ahead: results that wait at most.
        name: of the thread.
    """
    results: queue.Queue = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def run():
        try:
            for result in make(stop):
                _put(results, (result, None), stop)
            _put(results, None, stop)
        except BaseException as error:
            _put(results, (None, error), stop)

    threading.Thread(target=run, daemon=True, name=name).start()
    try:
        while (message := results.get()) is not None:
            result, error = message
            if error is not None:
                raise error
            yield result
    finally:
        stop.set()


def _put(results: queue.Queue, item, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            results.put(item, timeout=0.2)
            return
        except queue.Full:
            continue
