"""Requests of many clients, combined into batches that one thread computes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field


class Overloaded(Exception):
    """The queue is full."""


@dataclass
class _Waiting:
    """An item that waits for its batch; items of one key may share a batch."""

    key: Hashable
    item: object
    future: Future = field(default_factory=Future)


class Batcher:
    """Computes items in batches: as many of one key as are there, after a short wait for more.

    An item whose future is cancelled while it waits is never computed and frees its place.

    Args:
        compute: called with a key and 1 to `batch_size` items of it, in one thread; returns a result for each. An error
            becomes that of all items of the batch.
        batch_size: items at once.
        patience: seconds that the first item of a batch waits for others, if the batch before it held several: a
            client alone waits for nobody.
        capacity: items that may wait.
        observe: called with the size of each batch.
    """

    def __init__(
        self,
        compute: Callable[[Hashable, Sequence], Sequence],
        batch_size: int = 8,
        patience: float = 0.01,
        capacity: int = 256,
        observe: Callable[[int], None] = lambda size: None,
    ):
        self._compute, self._observe = compute, observe
        self.batch_size, self._patience, self._capacity = batch_size, patience, capacity
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = self._several = False
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Items that wait."""
        return len(self._waiting)

    def submit(self, key: Hashable, items: Sequence) -> list[Future]:
        """Futures of the results of items, all of them or none.

        Raises:
            Overloaded: there is no room for them, or the batcher is closed.
        """
        entries = [_Waiting(key, item) for item in items]
        with self._changed:
            self.require_room(len(entries))
            self._waiting.extend(entries)
            self._changed.notify()
        return [entry.future for entry in entries]

    def require_room(self, count: int) -> None:
        """Refuses what could not wait now, before work is put into it.

        Raises:
            Overloaded: there is no room for so many items, or the batcher is closed.
        """
        with self._changed:
            self._waiting = deque(entry for entry in self._waiting if not entry.future.cancelled())
            if self._closed or len(self._waiting) + count > self._capacity:
                raise Overloaded

    def close(self) -> None:
        """Computes what waits, takes nothing more, and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            running = [entry for entry in batch if entry.future.set_running_or_notify_cancel()]
            if not running:
                continue
            self._observe(len(running))
            try:
                results = self._compute(running[0].key, [entry.item for entry in running])
                for entry, result in zip(running, results, strict=True):
                    entry.future.set_result(result)
            except BaseException as error:  # the thread serves all clients and must not end
                for entry in running:
                    if not entry.future.done():
                        entry.future.set_exception(error)

    def _next_batch(self) -> list[_Waiting]:
        """Items of the first one's key, in their order; none once the batcher is closed and nothing waits."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            key, until = self._waiting[0].key, time.monotonic() + (self._patience if self._several else 0)
            while not self._closed and sum(entry.key == key for entry in self._waiting) < self.batch_size:
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            batch, others = [], deque()
            for entry in self._waiting:
                (batch if entry.key == key and len(batch) < self.batch_size else others).append(entry)
            self._waiting, self._several = others, len(batch) > 1
            return batch
