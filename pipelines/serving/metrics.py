"""What a service did, in the text format of Prometheus."""

import threading
from bisect import bisect_left
from collections import Counter

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32)


class Histogram:
    """Counts of values up to each bound."""

    def __init__(self, bounds: tuple[float, ...]):
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def lines(self, name: str) -> list[str]:
        lines, total = [f"# TYPE {name} histogram"], 0
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"{name}_sum {self.sum:.6f}", f"{name}_count {total}"]


class ServiceMetrics:
    """Requests by route and status, latencies, sizes of batches, and the length of the queue."""

    def __init__(self):
        self._lock = threading.Lock()
        self._requests: Counter = Counter()
        self._latency, self._batches = Histogram(_SECONDS), Histogram(_SIZES)

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Args: route: its path in the program, never what a client sent."""
        with self._lock:
            self._requests[route, status] += 1
            self._latency.add(seconds)

    def add_batch(self, size: int) -> None:
        with self._lock:
            self._batches.add(size)

    def text(self, queued: int) -> str:
        with self._lock:
            lines = ["# TYPE captioner_requests_total counter"]
            lines += [
                f'captioner_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self._requests.items())
            ]
            errors = sum(count for (_, status), count in self._requests.items() if status >= 400)
            lines += ["# TYPE captioner_errors_total counter", f"captioner_errors_total {errors}"]
            lines += ["# TYPE captioner_queue_length gauge", f"captioner_queue_length {queued}"]
            lines += self._latency.lines("captioner_request_seconds")
            lines += self._batches.lines("captioner_batch_size")
        return "\n".join(lines) + "\n"
