"""Shards of a job, merged: the file that one process writes, or one sentence."""

import json
import os
import random

import pytest

from captioner.errors import UserError
from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
from pipelines.inference.jobs.shards import Shard, merge_shards, share_of
from pipelines.inference.runners.local import run_job
from tests.pipelines.inference.jobs.test_captioning import draw
from tests.pipelines.inference.jobs.test_job import Lengths
from tests.pipelines.inference.stub_captioner import StubCaptioner

COUNTS = (1, 2, 3, 7, 12)  # 25 images in batches of 4 are 7 batches: one of 12 shards in two is empty


@pytest.fixture
def folder(tmp_path):
    for number in range(23):
        draw(tmp_path / "in" / f"{number % 3}" / f"{number:02}.png", number)
    (tmp_path / "in" / "1" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    (tmp_path / "in" / "1" / (os.fsdecode(b"caf\xe9") + ".png")).write_bytes(b"")
    return tmp_path / "in"


def job_of(folder, batch_size=4, model="a", **options):
    return CaptionJob([folder], StubCaptioner(), CaptionOptions(batch_size=batch_size, **options), model)


def write_shards(make, output, count, numbers=None):
    """Runs shards in a random order; returns their files."""
    numbers = list(numbers or range(1, count + 1))
    random.Random(count).shuffle(numbers)
    for number in numbers:
        job = make()
        run_job(job, output, share=share_of(job, Shard(number, count)))
    return [Shard(number, count).path(output) for number in numbers]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ["c.jsonl", "c.csv"])
def test_merged_shards_are_the_files_that_one_process_writes(folder, tmp_path, count, name):
    """All of them: the same command, without --shard, then goes on with the merged file."""
    for place in ("whole", "parts", "merged"):
        (tmp_path / place).mkdir()
    run_job(job_of(folder), tmp_path / "whole" / name)
    write_shards(lambda: job_of(folder), tmp_path / "parts" / name, count)
    merge_shards((tmp_path / "parts").iterdir(), tmp_path / "merged" / name)
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert len(files) == (3 if name == "c.jsonl" else 4)
    assert sorted(path.name for path in (tmp_path / "merged").iterdir()) == files
    for file in files:
        assert (tmp_path / "merged" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file
    job = job_of(folder)
    draw(folder / "9.png", 99)
    summary = run_job(job, tmp_path / "merged" / name)
    assert (summary.before, summary.done) == (25, 1)


def test_a_shard_cut_anywhere_goes_on(folder, tmp_path):
    whole, output = tmp_path / "whole.jsonl", tmp_path / "c.jsonl"
    run_job(job_of(folder), whole)
    shards = write_shards(lambda: job_of(folder), output, 2)
    second = shards[0].read_bytes()
    for length in random.Random(0).sample(range(len(second)), 10):
        shards[0].write_bytes(second[:length])
        with pytest.raises(UserError, match=r"is not finished: it has \d+ of \d+ captions\. Repeat its command"):
            merge_shards(shards, output)
        assert not output.exists(), "something was written of shards that are not whole"
        write_shards(lambda: job_of(folder), output, 2)
        merge_shards(shards, output)
        assert output.read_bytes() == whole.read_bytes(), f"cut after {length} bytes"
        output.unlink()


def test_a_merge_may_be_repeated_and_replaces_nothing_else(tmp_path):
    output = tmp_path / "lengths.jsonl"
    shards = write_shards(Lengths, output, 2)
    first = merge_shards(shards, output)
    assert (first.records, first.errors, first.shards, first.things) == (7, 1, 2, "lengths")
    assert merge_shards(shards, output) == first
    other = output.read_bytes() + b'{"image": "gnu", "length": 3}\n'
    output.write_bytes(other)
    with pytest.raises(UserError, match="exists already and holds something else than these shards"):
        merge_shards(shards, output)
    assert output.read_bytes() == other


def test_shards_that_do_not_belong_together_are_refused_in_a_sentence(folder, tmp_path):
    output = tmp_path / "c.jsonl"

    def refused(shards, match):
        with pytest.raises(UserError, match=match) as error:
            merge_shards(shards, output)
        assert "\n" not in str(error.value) and not output.exists()

    one, two, three = sorted(write_shards(lambda: job_of(folder), output, 3))
    refused([one, three], "Shard 2 of 3 is missing: run the command with --shard 2/3")
    refused([two], "2 shards, 1 the first, of 3 are missing")
    refused([], "There is no shard to merge")
    copy = tmp_path / "copy.shard-2-of-3.jsonl"
    for ending in ("", ".run.json"):
        (tmp_path / (copy.name + ending)).write_bytes((tmp_path / (two.name + ending)).read_bytes())
    refused([one, two, copy, three], "are both shard 2 of 3: each was expected once")
    refused([one, two, three, *write_shards(lambda: job_of(folder), output, 4, [2])], "one of 3 shards and .* one of 4")
    refused([one, folder / "1" / "broken.jpg"], "is no shard: a name such as")
    refused([one, tmp_path / "gone.shard-2-of-3.jsonl"], "cannot be merged: .* cannot be read")
    others = {
        "model": {"model": "b"},
        "lowest sure score": {"min_score": -1.0},
        "number of batches": {"batch_size": 5},
    }
    for name, change in others.items():
        made = write_shards(lambda change=change: job_of(folder, **change), tmp_path / f"{name}.jsonl", 3, [2])
        refused([one, *made, three], f"was made with another {name}")
    draw(folder / "9.png", 99)
    made = write_shards(lambda: job_of(folder), tmp_path / "more.jsonl", 3, [2])
    refused([one, *made, three], "was made with another list of items")


def test_a_shard_that_was_changed_by_hand_is_refused(tmp_path):
    output = tmp_path / "lengths.jsonl"
    one, two = sorted(write_shards(Lengths, output, 2))
    whole = two.read_bytes()
    for changed in (whole + one.read_bytes(), whole.replace(b"fox", b"gnu")):
        two.write_bytes(changed)
        with pytest.raises(UserError, match="holds other lengths than those of its shard: it was changed since"):
            merge_shards([one, two], output)
    two.write_bytes(whole)
    facts = two.with_name(two.name + ".run.json")
    for content in (b"{", b"[]", b"{}", json.dumps({"shard": {"number": 2}}).encode()):
        facts.write_bytes(content)
        with pytest.raises(UserError, match="was not written by --shard, or is damaged"):
            merge_shards([one, two], output)
    assert not output.exists()


def test_a_shard_does_not_go_on_in_the_file_of_another_list(folder, tmp_path):
    """Wrong if a folder that grew between two runs of a shard gives its file items of another shard."""
    [shard] = write_shards(lambda: job_of(folder), tmp_path / "c.jsonl", 2, [1])
    before = shard.read_bytes()
    draw(folder / "0.png", 99)
    with pytest.raises(UserError, match="made with another list of items"):
        write_shards(lambda: job_of(folder), tmp_path / "c.jsonl", 2, [1])
    assert shard.read_bytes() == before


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "3/0", "-1/8", "a/b", "3/8/2", "٣/٨"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UserError, match="A shard was expected, such as 3/8"):
        Shard.parse(text)


def test_shards_of_questions_are_merged_as_well(tmp_path):
    """Batches of questions are not all of one size, and questions have other keys than images."""
    from pipelines.inference.jobs.answering import AskJob, AskOptions
    from pipelines.inference.jobs.question_files import Question
    from tests.pipelines.inference.stub_visual_qa import StubVisualQA

    questions = [
        Question(f"{n // 3}.png", str(tmp_path / f"{n // 3}.png"), f"what is it {n % 3}?", id=n % 5) for n in range(23)
    ]
    for number in range(7):
        draw(tmp_path / f"{number}.png", number)
    options = AskOptions(batch_size=3, questions=4)

    def make():
        return AskJob(questions, StubVisualQA(), options)

    run_job(make(), tmp_path / "whole.csv")
    merge_shards(write_shards(make, tmp_path / "a.csv", 3), tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_bytes().splitlines()) == 24
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
