"""Doing the next things while this one is being used."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
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
