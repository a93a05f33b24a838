"""Progress of a long job, where there is no terminal: lines that say how far it is, early and without false hopes."""

import threading

import pytest

from pipelines.utils import progress
from pipelines.utils.progress import JobProgress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands where it is set."""

    class Clock:
        now = 100.0

    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)
    return clock


def counted_to(total):
    """Progress of so many images, once they are counted."""
    counted = threading.Event()

    def images():
        yield from range(total)
        counted.set()

    shown = JobProgress("Captions", "images", images())
    return shown, counted


def test_the_first_lines_come_early_and_the_estimate_leaves_compiling_out(clock, capsys):
    """160 images in batches of 16: the first takes 20 seconds, as it compiles, each other four.

    Wrong if nothing is said for half a minute, or if twelve minutes are estimated where there are 36 seconds.
    """
    shown, counted = counted_to(160)
    with shown:
        counted.wait(5)
        while shown.total is None:
            pass
        shown.start(0)
        clock.now += 8
        shown.loaded()
        clock.now += 20
        for batch in range(10):
            clock.now += 4 * (batch > 0)
            for _ in range(16):
                shown.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["Captions: the model is loaded", "1 of 160 images", "17 of 160 images"]
    assert lines[3] == "33 of 160 images, 4.0 images/s, 0:31 left"
    assert len(lines) == 6, "later lines come at longer intervals"


def test_the_speed_is_that_of_now(clock, capsys):
    """Wrong if a slow hour in the beginning is part of every later estimate."""
    shown, counted = counted_to(4000)
    with shown:
        counted.wait(5)
        while shown.total is None:
            pass
        for seconds, images in ((60, 5), (1, 200)):
            for _ in range(images):
                clock.now += seconds
                for _ in range(10):
                    shown.advance()
    last = capsys.readouterr().err.splitlines()[-1]
    assert ", 10.0 images/s, " in last


def test_what_was_there_already_counts_as_done_but_not_as_speed(clock, capsys):
    shown, counted = counted_to(10)
    with shown:
        counted.wait(5)
        while shown.total is None:
            pass
        shown.start(4)
        for _ in range(4):
            clock.now += 2
            shown.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["5 of 10 images", "6 of 10 images", "8 of 10 images, 0.5 images/s, 0:04 left"]


def test_counting_stops_with_the_job():
    class Endless:
        given = 0

        def __iter__(self):
            return self

        def __next__(self):
            Endless.given += 1
            return Endless.given

    with JobProgress("Captions", "images", Endless(), every=1e9) as progress:
        progress.advance()
    for thread in threading.enumerate():
        if thread.name == "counting":
            thread.join(5)
            assert not thread.is_alive(), "the count goes on after the job"
