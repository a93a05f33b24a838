"""A job of one's own: ten lines say what it does; resuming, order, tables and errors come with it."""

import csv

import pytest

from captioner.errors import UserError
from pipelines.inference.jobs.job import Job, compute, pending_batches
from pipelines.inference.jobs.journal import read_journal
from pipelines.inference.runners.local import run_job

NAMES = ["ant", "", "bee", "cicada", "dragonfly", "emu", "fox"]


class Lengths(Job):
    things = "lengths"
    columns = ("image", "length", "longest", "error")

    def __init__(self, names=tuple(NAMES), unit="letters"):
        self.names, self.unit, self.computed = names, unit, 0

    def made_with(self):
        return {"unit": self.unit}

    def batches(self):
        return (self.names[start : start + 2] for start in range(0, len(self.names), 2))

    def describe(self, item):
        return {"image": item}

    def read(self, source):
        return len(source)

    def work(self, batch, missing, contents):
        """Like the digits of a network, `longest` depends on what else is in the batch."""
        self.computed += 1
        longest = max(contents.values())
        fields = {0: {"error": "no name"}}
        return [fields.get(contents[batch[n]], {"length": contents[batch[n]], "longest": longest}) for n in missing]


def test_a_job_cut_anywhere_goes_on_and_writes_the_same_bytes(tmp_path):
    output = tmp_path / "lengths.jsonl"
    summary = run_job(Lengths(), output)
    whole = output.read_bytes()
    assert (summary.done, summary.skipped, summary.faults) == (6, 1, 1)
    assert [record["image"] for record in read_journal(output)] == NAMES
    for length in range(len(whole)):
        output.write_bytes(whole[:length])
        run_job(Lengths(), output)
        assert output.read_bytes() == whole, f"cut after {length} bytes"


def test_what_is_done_is_neither_computed_nor_loaded_again(tmp_path):
    run_job(Lengths(NAMES[:5]), tmp_path / "lengths.csv")
    job, new, before = Lengths(), [], []
    summary = run_job(job, tmp_path / "lengths.csv", on_start=before.append, on_record=new.append)
    assert before == [5] and [record["image"] for record in new] == ["emu", "fox"] and job.computed == 2
    assert (summary.done, summary.before, summary.faults) == (2, 5, 1)
    with open(tmp_path / "lengths.csv", newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == NAMES

    class Unloadable(Lengths):
        def load(self):
            raise AssertionError("the network was loaded though there was nothing to do")

    run_job(Unloadable(), tmp_path / "lengths.csv")


def test_another_job_does_not_append_to_its_file(tmp_path):
    run_job(Lengths(), tmp_path / "lengths.jsonl")
    with pytest.raises(UserError, match="holds lengths that were made with another unit"):
        run_job(Lengths(unit="bytes"), tmp_path / "lengths.jsonl")
    with pytest.raises(UserError, match=r"should end in \.jsonl, \.csv or \.parquet"):
        run_job(Lengths(), tmp_path / "lengths.txt")


def test_an_error_of_the_work_is_raised_where_the_job_was_called():
    class Broken(Lengths):
        def work(self, batch, missing, contents):
            raise UserError("the network is broken")

    with pytest.raises(UserError, match="the network is broken"):
        run_job(Broken())


def test_a_job_that_fails_before_its_first_record_leaves_nothing(tmp_path):
    """Wrong if an option that the model refuses leaves an empty output, or takes away a file that was there."""

    class Unloadable(Lengths):
        def load(self):
            raise UserError("there is no such model")

    (tmp_path / "kept.jsonl").touch()
    for name in ("lengths.jsonl", "lengths.csv", "kept.jsonl"):
        with pytest.raises(UserError, match="no such model"):
            run_job(Unloadable(), tmp_path / name)
    assert {path.name for path in tmp_path.iterdir() if "kept" not in path.name} == set()
    assert (tmp_path / "kept.jsonl").exists()


def test_a_runner_can_compute_a_share_of_the_batches():
    """Shards must agree on the batches, or a file made of them would differ from that of one machine."""
    whole = [each.record for results in compute(Lengths(), pending_batches(Lengths(), ())) for each in results]
    shares = []
    for shard in range(2):
        batches = (batch for n, batch in enumerate(pending_batches(Lengths(), ())) if n % 2 == shard)
        shares.append([[each.record for each in results] for results in compute(Lengths(), batches)])
    merged = [record for n in range(4) for record in shares[n % 2][n // 2]]
    assert merged == whole
