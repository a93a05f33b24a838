"""Captions for folders: every image once, under its own name, whatever happens meanwhile."""

import csv
import json
import os
import random

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.settings import CaptionerSettings, GenerationConfig
from pipelines.inference.jobs.captioning import CaptionOptions, check_model_options
from pipelines.inference.jobs.images import picture_path
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_jobs import caption_images

OPTIONS = CaptionOptions(batch_size=4)
HOSTILE = (
    "two words.jpg",
    "a,b.png",
    "a\"b'.png",
    "line\nbreak.png",
    "<script>alert(1)<\u2215script>.png",  # a name cannot hold a slash, but one that looks like it
    "犬.PNG",
    "=1+1.png",
    "\u202etxt.png",
    "\u2028.png",
    os.fsdecode(b"caf\xe9.png"),
)


def draw(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    for number in range(22):
        draw(tmp_path / "in" / f"{number % 3}" / f"{number:02}.png", number)
    (tmp_path / "in" / "1" / "empty.jpg").write_bytes(b"")
    (tmp_path / "in" / "1" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    (tmp_path / "in" / "0" / "nowhere.jpg").symlink_to("gone.jpg")
    return tmp_path / "in"


def records(path):
    return [json.loads(line) for line in path.read_bytes().decode("utf-8").split("\n")[:-1]]


def test_every_image_has_one_line_and_every_other_file_its_reason(folder, tmp_path):
    summary = caption_images([folder], StubCaptioner(), tmp_path / "c.jsonl", options=OPTIONS)
    lines = records(tmp_path / "c.jsonl")
    found = [line["image"] for line in lines]
    assert found == sorted(found) and len(set(found)) == 25
    wrong = {line["image"]: line["error"] for line in lines if "error" in line}
    assert set(wrong) == {"0/nowhere.jpg", "1/broken.jpg", "1/empty.jpg"}
    assert wrong["0/nowhere.jpg"] == "there is no such file" and wrong["1/empty.jpg"] == "empty file"
    assert (summary.done, summary.skipped, summary.faults) == (22, 3, 3)
    assert all(isinstance(line["caption"], str) and line["score"] <= 0 for line in lines if "error" not in line)


def test_names_of_all_kinds_are_kept(tmp_path):
    for number, name in enumerate(HOSTILE):
        draw(tmp_path / "in" / name, number)
    caption_images([tmp_path / "in"], StubCaptioner(), tmp_path / "c.jsonl", options=OPTIONS)
    assert sorted(line["image"] for line in records(tmp_path / "c.jsonl")) == sorted(HOSTILE)
    assert len((tmp_path / "c.jsonl").read_text("utf-8").splitlines()) == len(HOSTILE), "a name broke its line in two"


def test_cut_anywhere_and_gone_on_with_the_file_has_the_same_bytes(folder, tmp_path):
    output = tmp_path / "c.jsonl"
    caption_images([folder], StubCaptioner(), output, options=OPTIONS)
    whole = output.read_bytes()
    assert len({line.get("score") for line in records(output)}) > 5, "scores must differ, or this proves nothing"
    for length in random.Random(0).sample(range(len(whole)), 25):
        output.write_bytes(whole[:length])
        caption_images([folder], StubCaptioner(), output, options=OPTIONS)
        assert output.read_bytes() == whole, f"cut after {length} bytes"


def test_a_finished_job_loads_no_model(folder, tmp_path):
    caption_images([folder], StubCaptioner(), tmp_path / "c.jsonl", options=OPTIONS)

    def load():
        raise AssertionError("the model was loaded though there was nothing to do")

    summary = caption_images([folder], load, tmp_path / "c.jsonl", options=OPTIONS)
    assert (summary.done, summary.before, summary.faults) == (0, 25, 3)


def test_new_images_are_added_and_no_image_is_captioned_twice(folder, tmp_path):
    caption_images([folder], StubCaptioner(), tmp_path / "c.jsonl", options=OPTIONS)
    draw(folder / "0" / "new.png", 99)
    summary = caption_images([folder], StubCaptioner(), tmp_path / "c.jsonl", options=OPTIONS)
    assert summary.done == 1 and len(records(tmp_path / "c.jsonl")) == 26
    assert len({line["image"] for line in records(tmp_path / "c.jsonl")}) == 26


def test_csv_and_parquet_are_made_from_the_journal(folder, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for kind in ("csv", "parquet"):
        caption_images([folder], StubCaptioner(), tmp_path / f"c.{kind}", options=OPTIONS)
        lines = records(tmp_path / f"c.{kind}.jsonl")
        table = getattr(pandas, f"read_{kind}")(tmp_path / f"c.{kind}")
        assert table["image"].tolist() == [line["image"] for line in lines]
        assert table["score"].dropna().tolist() == [line["score"] for line in lines if "score" in line]
    (tmp_path / "c.csv").unlink()
    caption_images([folder], StubCaptioner(), tmp_path / "c.csv", options=OPTIONS)
    with open(tmp_path / "c.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 25, "the csv was not made again from a whole journal"


@pytest.mark.parametrize("name", ["c.txt", "c"])
def test_an_output_of_unknown_kind_is_refused_before_any_work(folder, tmp_path, name):
    with pytest.raises(UserError, match=r"should end in \.jsonl, \.csv or \.parquet"):
        caption_images([folder], None, tmp_path / name)


def test_an_output_of_another_job_is_refused(folder, tmp_path):
    output = tmp_path / "c.jsonl"
    caption_images([folder], StubCaptioner(), output, model="a", options=OPTIONS)
    before = output.read_bytes()
    with pytest.raises(UserError, match="made with another model"):
        caption_images([folder], StubCaptioner(), output, model="b", options=OPTIONS)
    with pytest.raises(UserError, match="made with another folder or list of images"):
        caption_images([folder / "0"], StubCaptioner(), output, model="a", options=OPTIONS)
    (tmp_path / "table.csv").write_text("mine")
    with pytest.raises(UserError, match="not begun by this command"):
        caption_images([folder], StubCaptioner(), tmp_path / "table.csv", options=OPTIONS)
    assert output.read_bytes() == before and (tmp_path / "table.csv").read_text() == "mine"


def test_candidates_are_listed_best_first(folder, tmp_path):
    options = CaptionOptions(GenerationConfig(num_beams=5, candidates=3))
    caption_images([folder / "2"], StubCaptioner(), tmp_path / "c.jsonl", options=options)
    for line in records(tmp_path / "c.jsonl"):
        scores = [candidate["score"] for candidate in line["candidates"]]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)
        assert line["candidates"][0] == {"caption": line["caption"], "score": line["score"]}


def test_the_longest_caption_is_asked_for_and_is_part_of_the_job(folder, tmp_path):
    asked = []

    class Asked(StubCaptioner):
        def caption_features(self, features, config, **options):
            asked.append(config.max_words)
            return super().caption_features(features, **options)

    options = CaptionOptions(GenerationConfig(max_words=3), batch_size=4)
    caption_images([folder], Asked(), tmp_path / "c.jsonl", options=options)
    assert set(asked) == {3}
    with pytest.raises(UserError, match="made with another largest number of words"):
        caption_images([folder], Asked(), tmp_path / "c.jsonl", options=OPTIONS)


def test_a_file_that_was_begun_before_an_option_existed_goes_on(folder, tmp_path):
    """An update of the program must not make an unfinished job begin again."""
    output = tmp_path / "c.jsonl"
    caption_images([folder], StubCaptioner(), output, options=OPTIONS)
    made_with = tmp_path / "c.jsonl.run.json"
    before = json.loads(made_with.read_text())
    made_with.write_text(json.dumps({name: before[name] for name in before if before[name] is not None}))
    assert caption_images([folder], StubCaptioner(), output, options=OPTIONS).before == 25


def test_pictures_of_attention_mirror_the_names(folder, tmp_path):
    options = CaptionOptions(batch_size=4, attention=folder / "looks")
    for _ in range(2):  # the second time the pictures are there, and must not be captioned themselves
        caption_images([folder], StubCaptioner(), tmp_path / "c.jsonl", options=options)
    assert len(records(tmp_path / "c.jsonl")) == 25
    pictures = sorted(path.relative_to(folder / "looks").as_posix() for path in (folder / "looks").rglob("*.png"))
    assert len(pictures) == 22 and pictures[0] == "0/00.png.png"


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"decoder": {"name": "inject"}}, "inject.* has no attention"),
        ({"encoder": {"options": {"features": "fc7"}}}, "no attention to draw"),
        ({"encoder": {"name": "glimpses"}}, "no attention to draw"),
        ({"encoder": {"frames": 4}}, "no attention to draw"),
    ],
)
def test_pictures_of_no_attention_are_refused_by_the_settings(settings, sentence, tmp_path):
    """Before, the model was loaded, and had captioned a batch, when it was said."""
    with pytest.raises(UserError, match=sentence):
        check_model_options(CaptionerSettings(**settings), CaptionOptions(attention=tmp_path))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../b", "x" * 255, "..", "ä" * 127])
def test_no_name_leads_a_picture_out_of_its_folder(tmp_path, name):
    path = picture_path(name, tmp_path)
    assert tmp_path in path.parents and ".." not in path.parts
    assert len(os.fsencode(path.name)) <= 255


def test_a_single_image_is_not_filled_up_to_a_large_batch(folder):
    shown, stub = [], StubCaptioner()
    caption_images([folder / "0" / "00.png"], stub, on_record=shown.append)
    assert [record["image"] for record in shown] == [str(folder / "0" / "00.png")] and stub.batches == [1]


def test_files_that_vanish_are_errors_of_their_own(folder, tmp_path):
    class Vanishing(StubCaptioner):
        def caption_features(self, *arguments, **options):
            for path in folder.glob("2/*.png"):
                path.unlink()
            return super().caption_features(*arguments, **options)

    caption_images([folder], Vanishing(), tmp_path / "c.jsonl", options=OPTIONS)
    assert len(records(tmp_path / "c.jsonl")) > 15


def test_memory_holds_a_bounded_number_of_images(tmp_path):
    draw(tmp_path / "one.png", 1)
    (tmp_path / "in").mkdir()
    for number in range(300):
        (tmp_path / "in" / f"{number}.png").symlink_to(tmp_path / "one.png")
    alive, most = set(), 0

    class Counting(StubCaptioner):
        def caption_features(self, features, **options):
            nonlocal most
            most = max(most, len(alive))
            return super().caption_features(features, **options)

    from pipelines.inference.jobs import images

    real = images.decode_pixels

    class Pixels(np.ndarray):
        def __del__(self):
            alive.discard(id(self))

    def decode(*arguments):
        pixels = real(*arguments).view(Pixels)
        alive.add(id(pixels))
        return pixels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "decode_pixels", decode)
        caption_images([tmp_path / "in"], Counting(0.005), options=OPTIONS)
    assert 4 <= most <= 6 * OPTIONS.batch_size, f"{most} decoded images were held at once"
