"""What is told of a training: how far it is, and how long it still takes."""

import io

import pytest
from rich.console import Console

from pipelines.utils import progress
from pipelines.utils.progress import Reporter


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands where it is set."""

    class Clock:
        now = 0.0

    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)
    return clock


# The first step compiles: with its minute counted in, hours would be promised. Steps 2 to 21 take two seconds each: at
# step 16 the 84 of this epoch take 2:48, and 200 more 6:40.
STEPS = [(60.0 + 2 * step, step) for step in range(1, 22)]


def test_a_log_tells_the_time_left_of_the_epoch_and_of_all_to_come(clock):
    console = Console(record=True, width=200)
    with Reporter(console).epoch(2, 4, 100, 0) as tell:
        for clock.now, step in STEPS:
            tell(step, 1.5)
    lines = console.export_text().splitlines()
    assert lines[0] == "Epoch 2/4  1/100  loss 1.500", "the first line comes with the first step"
    # After 2, 4, 8 and 16 seconds; the next would come 30 seconds later.
    assert [line.split()[2] for line in lines[1:]] == ["2/100", "4/100", "8/100", "16/100"]
    assert lines[-1] == "Epoch 2/4  16/100  loss 1.500  2:48 left, 9:28 in all"


def test_a_terminal_tells_the_same_beside_its_bar(clock):
    console = Console(record=True, width=200, force_terminal=True)
    with Reporter(console).epoch(2, 4, 100, 0) as tell:
        for clock.now, step in STEPS:
            tell(step, 1.5)
    shown = console.export_text()
    assert "Epoch 2/4  loss 1.500" in shown
    assert "21/100 2:38 left, 9:18 in all" in shown


def test_the_last_epoch_has_nothing_to_come(clock):
    console = Console(record=True, width=200)
    with Reporter(console).epoch(4, 4, 100, 0) as tell:
        for clock.now, step in STEPS:
            tell(step, 1.5)
    assert console.export_text().endswith("2:48 left\n")


def test_what_is_no_text_is_written_out_where_only_utf_8_is_taken():
    """A name with a byte of another alphabet would end the training that tells of it."""
    written = io.BytesIO()
    told = Reporter(Console(file=io.TextIOWrapper(written, encoding="utf-8", errors="strict", write_through=True)))
    told.log("caf\udce9.jpg: [red] caf\xe9\nand \x1b[31m more")
    told.warn("caf\udce9.jpg")
    assert written.getvalue().decode() == ("caf\\udce9.jpg: [red] café\nand \\x1b[31m more\nWarning: caf\\udce9.jpg\n")
