"""How far a long job of captions is: images a second and time left, while images are still being counted."""

import sys
import threading
import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class CaptionProgress:
    """A bar on standard error, or a line now and then where that is no terminal.

    Args:
        images: a second walk over the images, to count them; it runs beside the work.
        every: seconds between two lines where there is no terminal.
    """

    def __init__(self, images: Iterable, every: float = 30.0):
        self.images, self.every = images, every
        self.total: int | None = None
        self.done = self.new = 0
        self.begun = self.told = time.monotonic()
        self.stop = threading.Event()
        self.console = Console(file=sys.stderr, highlight=False)
        self.bar = None

    def __enter__(self) -> "CaptionProgress":
        threading.Thread(target=self._count, daemon=True, name="counting").start()
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
            )
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task("Captions", total=None)
            self.bar.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        if self.bar:
            self.bar.stop()

    def start(self) -> None:
        """The model is loaded: speed is counted from here."""
        self.begun = time.monotonic()

    def before(self, images: int) -> None:
        """Images that an earlier run has done already."""
        self.done = images

    def advance(self, _record: dict) -> None:
        """One image more."""
        self.done += 1
        self.new += 1
        now = time.monotonic()
        rate = self.new / max(now - self.begun, 1e-9)
        if self.bar:
            self.bar.update(
                self.task, completed=self.done, total=self.total, description=f"Captions  {rate:.1f} images/s"
            )
        elif now - self.told >= self.every:
            self.told = now
            of, left = "", ""
            if self.total is not None:
                of, left = f" of {self.total:,}", f", {_duration((self.total - self.done) / rate)} left"
            self.console.print(f"{self.done:,}{of} images, {rate:.1f} images/s{left}")

    def _count(self) -> None:
        number = 0
        for _ in self.images:
            number += 1
            if self.stop.is_set():
                return
        self.total = number


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
