"""What a log tells of a training: how far it is, and how long it still takes."""

from rich.console import Console

from pipelines import show
from pipelines.show import Show


def test_time_left_is_that_of_the_epoch_and_of_all_to_come_without_compiling(monkeypatch):
    """The first step compiles: with its minute counted in, hours would be promised."""
    clock = iter([0.0, 2.0, 40.0, 41.0])  # at the ends of steps 1, 2, 21, 22; the next line comes after 30 seconds
    monkeypatch.setattr(show.time, "monotonic", lambda: next(clock))
    console = Console(record=True, width=200)
    with Show(console).epoch(2, 4, 100, 0) as tell:
        for step in (1, 2, 21, 22):
            tell(step, 1.5)
    (line,) = console.export_text().splitlines()
    # 20 steps in 40 seconds: 79 steps of this epoch take 2:38, and 200 more 6:40.
    assert line == "Epoch 2/4  21/100  loss 1.500  2:38 left, 9:18 in all"
