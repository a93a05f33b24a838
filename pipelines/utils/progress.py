"""Progress of long work: bars on a terminal, or a line now and then in a log."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from pipelines.utils.console import printable


class Reporter:
    """Writes to a terminal with bars, or to a log with a line now and then.

    Texts come from data of any origin: what a terminal would obey, or a file of UTF-8 cannot hold, is written out.

    Args:
        console: where to; standard output by default.
        quiet: say nothing but warnings.
        every: seconds between two lines where the output is no terminal; the first follow one another faster.
    """

    def __init__(self, console: Console | None = None, quiet: bool = False, every: float = 30.0):
        self.console = console or Console(highlight=False)
        self.quiet = quiet
        self._schedule = _Schedule(every)

    def log(self, text: str) -> None:
        if not self.quiet:
            self.console.print(_escaped(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        self.console.print(f"[yellow]Warning:[/yellow] {_escaped(text)}", soft_wrap=True)

    def problems(self, problems, most: int = 5, rest: str = "more; `captioner check DATA` lists them all.") -> None:
        """The first few of the data's problems, and how many more there are."""
        for problem in problems[:most]:
            self.warn(str(problem))
        if len(problems) > most:
            self.warn(f"... and {len(problems) - most:,} {rest}")

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable]:
        """A bar, or lines, for work whose length becomes known on the way: `advance(done, total)`."""
        with self._bar(title, 0, 0) as advance:
            yield advance

    @contextmanager
    def images(self, title: str) -> Iterator[Callable]:
        """The same for work on images that knows its own speed: `advance(done, total, images_a_second)`."""
        with self.progress(title) as advance:
            yield lambda done, total, rate: advance(done, total, f"{rate:.1f} images/s")

    @contextmanager
    def epoch(self, number: int, epochs: int, steps: int, done: int) -> Iterator[Callable]:
        """A bar, or lines, for the steps of an epoch: `advance(step, loss)`."""
        with self._bar(f"Epoch {number}/{epochs}", steps, done, (epochs - number) * steps) as advance:
            yield lambda step, loss: advance(step, steps, f"loss {loss:.3f}")

    @contextmanager
    def _bar(self, title: str, total: int, done: int, to_come: int = 0) -> Iterator[Callable]:
        left = _TimeLeft(to_come)
        if self.quiet:
            yield lambda *_: None
        elif self.console.is_terminal:
            with _bar_with(TextColumn("{task.fields[left]}"), self.console) as bar:
                task = bar.add_task(title, total=total or None, completed=done, left="")
                yield lambda at, of, note="": bar.update(
                    task, completed=at, total=of, description=f"{title}  {note}".rstrip(), left=left(at, of)
                )
        else:
            yield self._lines(title, left)

    def _lines(self, title: str, left: "_TimeLeft") -> Callable:
        def advance(at, of, note=""):
            time_left = left(at, of)
            if self._schedule.due():
                self.log("  ".join(part for part in (title, f"{at:,}/{of:,}", note, time_left) if part))

        return advance


class JobProgress:
    """How far a job is: items a second and time left, while the items are still being counted.

    A bar on standard error, or a line now and then where that is no terminal.

    Args:
        title: of the bar.
        things: what the items are.
        items: a second walk over the items, to count them; it runs beside the work.
        every: seconds between two lines where there is no terminal; the first follow one another faster.
    """

    def __init__(self, title: str, things: str, items: Iterable, every: float = 30.0):
        self.title, self.things, self.items = title, things, items
        self.total: int | None = None
        self.done, self.failed, self.workers = 0, 0, None
        self._speed, self._schedule = _Speed(), _Schedule(every)
        self._stop = threading.Event()
        self._console = Console(file=sys.stderr, highlight=False)
        self._bar: Progress | None = None

    def __enter__(self) -> "JobProgress":
        threading.Thread(target=self._count, daemon=True, name="counting").start()
        if self._console.is_terminal:
            self._bar = _bar_with(TimeRemainingColumn(elapsed_when_finished=True), self._console)
            self._task = self._bar.add_task(self.title, total=None)
            self._bar.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        if self._bar:
            self._bar.stop()

    def start(self, before: int) -> None:
        """An earlier run has done so many items."""
        self.done = before

    def loaded(self) -> None:
        """The network is loaded, and the first batch begins, which compiles it."""
        if not self._bar:
            self._console.print(f"{self.title}: the model is loaded")

    def set_workers(self, alive: int) -> None:
        """So many workers of a cluster are alive now."""
        self.workers = alive

    def advance(self, failed: bool = False) -> None:
        """One item more; `failed`: its record has an error."""
        self.done += 1
        self.failed += failed
        self._speed.add(self.done)
        rate = self._speed.rate
        facts = [f"{rate:.1f} {self.things}/s"] if rate else []
        if self.workers is not None:
            facts.append(f"{self.workers:,} worker{'' if self.workers == 1 else 's'}")
        if self.failed:
            facts.append(f"{self.failed:,} failed")
        speed = ", ".join(facts)
        if self._bar:
            self._bar.update(self._task, completed=self.done, total=self.total, description=f"{self.title}  {speed}")
        elif self._schedule.due():
            of = f" of {self.total:,}" if self.total is not None else ""
            left = f"{format_duration((self.total - self.done) / rate)} left" if rate and self.total is not None else ""
            self._console.print(", ".join(part for part in (f"{self.done:,}{of} {self.things}", speed, left) if part))

    def _count(self) -> None:
        number = 0
        for _ in self.items:
            number += 1
            if self._stop.is_set():
                return
        self.total = number


class _Schedule:
    """When a line is due in a log: at once, after two seconds, four and so on, and from then on every so many."""

    def __init__(self, every: float):
        self.every, self.pause, self.next = every, min(2.0, every), 0.0

    def due(self) -> bool:
        now = time.monotonic()
        if now < self.next:
            return False
        self.next, self.pause = now + self.pause, min(2 * self.pause, self.every)
        return True


class _Speed:
    """Items a second, as it was in the last half minute.

    Items come batch by batch. The first batch, which compiles, is left out, and so is the last as long as it may not be
    whole: with either the estimate would be many times too long.
    """

    RECENT = 30.0  # seconds
    BATCH = 0.2  # seconds in which the items of a batch follow one another

    def __init__(self):
        self.marks: deque[tuple[float, int]] = deque()  # when a batch came, and how many items were done with it

    def add(self, done: int) -> None:
        now = time.monotonic()
        if self.marks and now - self.marks[-1][0] < self.BATCH:
            self.marks[-1] = (self.marks[-1][0], done)
            return
        self.marks.append((now, done))
        while len(self.marks) > 3 and self.marks[1][0] < now - self.RECENT:
            self.marks.popleft()

    @property
    def rate(self) -> float:
        """0 while it is not known."""
        if len(self.marks) < 3:
            return 0.0
        (begun, first), (ended, last) = self.marks[0], self.marks[-2]
        return (last - first) / (ended - begun)


class _TimeLeft:
    """How long the rest takes, in words; nothing while that is not known.

    Args:
        to_come: steps that follow after those of the bar, as those of later epochs do.
    """

    def __init__(self, to_come: int):
        self.to_come, self.speed = to_come, _Speed()

    def __call__(self, at: int, of: int) -> str:
        self.speed.add(at)
        rate = self.speed.rate
        if rate <= 0:
            return ""
        in_all = f", {format_duration((of - at + self.to_come) / rate)} in all" if self.to_come else ""
        return f"{format_duration((of - at) / rate)} left{in_all}"


def _bar_with(column: ProgressColumn, console: Console) -> Progress:
    """A bar with a title, a count and one more column."""
    title, count = TextColumn("{task.description}"), MofNCompleteColumn()
    return Progress(title, BarColumn(), count, column, console=console, transient=True)


def _escaped(text: str) -> str:
    return escape(printable(text, keep="\n\t"))


def format_bytes(count: int) -> str:
    """
    >>> format_bytes(351_232_000)
    '351 MB'
    """
    power = min((len(str(count)) - 1) // 3, 4)
    unit = ("bytes", "kB", "MB", "GB", "TB")[power]
    value = count / 1000**power
    return f"{value:.0f} {unit}" if value >= 100 or not power else f"{value:.1f} {unit}"


def format_duration(seconds: float) -> str:
    """
    >>> format_duration(75), format_duration(7322)
    ('1:15', '2:02:02')
    """
    minutes, seconds = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
