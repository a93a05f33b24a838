"""Progress of a long job, where there is no terminal: lines that say how far it is."""

import threading

from pipelines.utils.progress import JobProgress


def test_lines_tell_how_many_of_how_many_and_how_fast(capsys):
    counted = threading.Event()

    def images():
        yield from range(10)
        counted.set()

    with JobProgress("Captions", "images", images(), every=0.0) as progress:
        counted.wait(5)
        while progress.total is None:
            pass
        progress.start(4)
        progress.start_clock()
        for _ in range(3):
            progress.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("7 of 10 images, ") and "images/s" in lines[-1] and "left" in lines[-1]


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
