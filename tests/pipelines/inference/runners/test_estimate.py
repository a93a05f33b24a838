"""What a job would take, said before it begins."""

import json

from pipelines.inference.jobs.job import compute
from pipelines.inference.jobs.shards import Shard, share_of
from pipelines.inference.runners import estimate as module
from pipelines.inference.runners.estimate import Estimate, estimate
from tests.pipelines.inference.jobs.test_job import NAMES, Lengths


def clock(monkeypatch, *times):
    moments = iter(times)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(moments))


def test_the_rate_leaves_out_the_first_batch_which_compiles(monkeypatch):
    clock(monkeypatch, 100.0, 101.0, 102.0, 103.0)  # when each of four batches, of 2, 2, 2 and 1, is done
    assert estimate(Lengths(), NAMES, compute) == Estimate(items=7, before=0, sample=7, rate=5 / 3)


def test_a_slow_network_is_not_tried_for_long(monkeypatch):
    clock(monkeypatch, 100.0, 200.0)
    assert estimate(Lengths(), NAMES, compute) == Estimate(items=7, before=0, sample=4, rate=2 / 100)


def test_a_share_of_a_job_that_has_begun_is_what_is_left_of_it(monkeypatch, tmp_path):
    """And nothing is written."""
    share = share_of(Lengths(), Shard(2, 2))
    (tmp_path / "l.jsonl").write_text(json.dumps({"image": "emu"}) + "\n")
    clock(monkeypatch, 100.0, 101.0)
    assert estimate(Lengths(), range(share.items), compute, share, tmp_path / "l.jsonl") == Estimate(3, 1, 3, 1.0)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_hours_are_of_what_is_left():
    assert str(Estimate(1_000_000, 640_000, 400, 10.0)).startswith(
        "360,000 to do (640,000 of 1,000,000 are there already), 10.0 a second in a sample of 400: 10.0 hours."
    )
    assert "too few for an estimate" in str(Estimate(3, 0, 3, 0.0))
